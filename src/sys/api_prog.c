/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sys/api_prog.c - programs of an embedding C program.
 *
 * A struct visor_prog holds a descriptor like any client, so the program lives as long as
 * it. Running allocates nothing and takes no lock: each thread keeps one run state.
 */
#include "sys/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct visor_prog {
	struct visor *visor;
	int fd;
	struct obj *obj;
	struct vm_prog *vm;
	bool packet;
	uint32_t fault_verdict;
};

/* ---- run states --------------------------------------------------------------------------- */

static __thread struct visor_run run_state;
static __thread bool run_ready, run_busy;

struct visor_run *sys_run_enter(void *user)
{
	struct visor_run *run = &run_state;

	if (UNLIKELY(run_busy)) {
		/* A helper runs a program. */
		run = aligned_alloc(_Alignof(struct visor_run),
				    ALIGN_UP(sizeof(*run), _Alignof(struct visor_run)));
		if (!run)
			return NULL;
		vm_run_init(run);
	} else if (UNLIKELY(!run_ready)) {
		vm_run_init(run);
		run_ready = true;
	}
	if (run == &run_state)
		run_busy = true;
	run->user = user;
	vm_enter(run);
	return run;
}

void sys_run_leave(struct visor_run *run)
{
	vm_leave(run);
	if (run == &run_state)
		run_busy = false;
	else
		free(run);
}

VISOR_EXPORT void *visor_run_ctx(const struct visor_run *run)
{
	return run->ctx;
}

VISOR_EXPORT void *visor_run_user(const struct visor_run *run)
{
	return run->user;
}

/* ---- programs ----------------------------------------------------------------------------- */

VISOR_EXPORT int visor_prog_from_fd(struct visor *v, int fd, struct visor_prog **out,
				    struct visor_diag *diag)
{
	struct visor_prog *prog = calloc(1, sizeof(*prog));
	int err = -ENOMEM;

	if (!prog)
		return diag_fail(diag, err, "program", "out of memory");
	prog->visor = v;
	prog->fd = -1;
	prog->obj = store_by_fd(v, fd, OBJ_PROG, &err);
	if (!prog->obj) {
		diag_fail(diag, err, "program", "descriptor %d is not a program of this engine",
			  fd);
		goto out;
	}
	/* A duplicate shares the client's lock: as good as one of its own. */
	prog->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (prog->fd < 0) {
		err = diag_fail(diag, -errno, "program", "no more descriptors");
		goto out;
	}
	err = sys_prog_vm(v, prog->obj, &prog->vm, diag);
	if (!err) {
		const struct prog_type *type = vm_prog_code(prog->vm)->type;

		prog->packet = type->packet;
		prog->fault_verdict = type->set == P_TC ? 2 /* TC_ACT_SHOT */ : 0;
	}
out:
	if (err)
		visor_prog_free(prog);
	else
		*out = prog;
	return err;
}

VISOR_EXPORT int visor_prog_load(struct visor *v, const struct bpf_insn *insns, uint32_t n_insns,
				 const struct visor_prog_opts *opts, struct visor_prog **out,
				 struct visor_diag *diag)
{
	struct visor_diag own;
	struct visor_prog_opts o;
	enum sys_trust trust;
	union bpf_attr attr;
	int err = sys_opts_get(opts, &o, sizeof(o), diag), fd;

	if (err)
		return err;
	memset(&attr, 0, sizeof(attr));
	attr.prog_type = o.type;
	attr.insns = (uintptr_t)insns;
	attr.insn_cnt = n_insns;
	attr.license = (uintptr_t)(o.license ? o.license : "Dual BSD/GPL");
	if (o.name) {
		if (strlen(o.name) >= sizeof(attr.prog_name))
			return diag_fail(diag, -EINVAL, "load", "a name has up to 15 characters");
		strcpy(attr.prog_name, o.name);
	}
	trust = sys_trust_of(o.checked, o.trusted);
	fd = sys_prog_load(v, &attr, trust == TRUST_PROOF ? v->trust : trust, diag ? diag : &own);
	if (fd < 0)
		return fd;
	err = visor_prog_from_fd(v, fd, out, diag);
	close(fd);
	return err;
}

VISOR_EXPORT int visor_prog_fd(const struct visor_prog *prog)
{
	return store_fd(prog->visor, prog->obj, 0);
}

VISOR_EXPORT void visor_prog_free(struct visor_prog *prog)
{
	if (!prog)
		return;
	store_put(prog->obj);
	if (prog->fd >= 0)
		close(prog->fd);
	free(prog);
}

/* ---- running ------------------------------------------------------------------------------ */

static int run_fault(const struct visor_run *run, int err, struct visor_diag *diag)
{
	if (err != -EFAULT)
		return diag_fail(diag, err, "run", "the program cannot run");
	diag_fail(diag, err, "run", "%s", run->fault.text);
	diag_at(diag, "%s: insn %u", run->fault.prog[0] ? run->fault.prog : "program",
		run->fault.insn);
	return err;
}

static inline void run_prepare(struct visor_packet *pkt)
{
	pkt->len = (uint32_t)(pkt->end - pkt->data);
	pkt->redirect_ifindex = 0;
	pkt->redirect_flags = 0;
}

static int run_one(struct visor_prog *prog, struct visor_run *run, struct visor_packet *pkt,
		   struct visor_diag *diag)
{
	uint64_t ret;
	int err;

	run_prepare(pkt);
	err = vm_prog_run(prog->vm, run, pkt, 0, &ret);
	if (UNLIKELY(err)) {
		pkt->verdict = prog->fault_verdict;
		return run_fault(run, err, diag);
	}
	pkt->verdict = (uint32_t)ret;
	return 0;
}

VISOR_EXPORT uint32_t visor_packet_target(const struct visor_packet *pkt, uint32_t *next)
{
	const struct map *map = pkt->redirect_map;

	if (!(pkt->redirect_flags & BPF_F_BROADCAST))
		return (*next)++ ? 0 : pkt->redirect_ifindex;
	while (*next < map->desc.max_entries) {
		uint32_t ifindex = map_dev_slot(map, (*next)++);

		if (ifindex && !((pkt->redirect_flags & BPF_F_EXCLUDE_INGRESS) &&
				 ifindex == pkt->ingress_ifindex))
			return ifindex;
	}
	return 0;
}

#define RUN_AT_ONCE 64

/* 1 to RUN_AT_ONCE packets; how many were processed. */
static uint32_t run_some(struct visor_prog *prog, struct visor_run *run, struct visor_packet *pkts,
			 uint32_t n, struct visor_diag *diag)
{
	void *ctx[RUN_AT_ONCE];
	uint64_t ret[RUN_AT_ONCE];
	uint32_t done, i = 0;

	do {
		run_prepare(&pkts[i]);
		ctx[i] = &pkts[i];
	} while (++i < n);
	done = vm_prog_run_batch(prog->vm, run, ctx, n, ret);
	for (i = 0; i < done; i++)
		pkts[i].verdict = (uint32_t)ret[i];
	if (UNLIKELY(done < n)) {
		pkts[done].verdict = prog->fault_verdict;
		run_fault(run, -EFAULT, diag);
	}
	return done;
}

VISOR_EXPORT int visor_prog_run_batch(struct visor_prog *prog, struct visor_packet *pkts,
				      uint32_t n, struct visor_diag *diag)
{
	struct visor_run *run;
	uint32_t done = 0, at_once, some;

	if (!prog->packet)
		return diag_fail(diag, -EINVAL, "run", "this type of program takes no packets");
	run = sys_run_enter(NULL);
	if (!run)
		return diag_fail(diag, -ENOMEM, "run", "out of memory");
	while (done < n) {
		at_once = MIN(n - done, RUN_AT_ONCE);
		some = run_some(prog, run, &pkts[done], at_once, diag);
		done += some;
		if (some < at_once)
			break;
	}
	sys_run_leave(run);
	return (int)done;
}

VISOR_EXPORT int visor_prog_run(struct visor_prog *prog, struct visor_packet *pkt,
				struct visor_diag *diag)
{
	struct visor_run *run;
	int err;

	if (!prog->packet)
		return diag_fail(diag, -EINVAL, "run", "this type of program takes no packets");
	run = sys_run_enter(NULL);
	if (!run)
		return diag_fail(diag, -ENOMEM, "run", "out of memory");
	err = run_one(prog, run, pkt, diag);
	sys_run_leave(run);
	return err;
}

VISOR_EXPORT int visor_prog_run_ctx(struct visor_prog *prog, void *ctx, void *user, uint64_t *ret,
				    struct visor_diag *diag)
{
	struct visor_run *run;
	int err;

	if (prog->packet)
		return diag_fail(diag, -EINVAL, "run", "this type of program takes packets");
	run = sys_run_enter(user);
	if (!run)
		return diag_fail(diag, -ENOMEM, "run", "out of memory");
	err = vm_prog_run(prog->vm, run, ctx, 0, ret);
	if (err)
		err = run_fault(run, err, diag);
	sys_run_leave(run);
	return err;
}
