/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/live_ports.c - entry programs, and what brings packets to them: on the kernel engine hooks
 * of devices, on the user engine the chain's runner, a process.
 *
 * An entry program is loaded when its port is new and never changes: it calls the port's slot.
 */
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <unistd.h>

#include "chain/attach.h"
#include "chain/counters.h"
#include "chain/live_impl.h"
#include "chain/runner.h"

/* ---- the ports of a description
 * ------------------------------------------------------------------- */

int live_ports_resolve(const struct live *lv, struct chain_desc *desc, struct visor_diag *diag)
{
	for (uint32_t i = 0; i < desc->n_ports; i++) {
		struct chain_desc_port *p = &desc->ports[i];
		unsigned index = p->config.device ? if_nametoindex(p->config.device) : 0;

		if (!lv->place.visor && !p->config.device) {
			diag_fail(diag, -EINVAL, "port",
				  "port '%s' is no device: on the kernel engine all ports are",
				  p->name);
			loader_place(desc, p->pos, diag);
			return -EINVAL;
		}
		if (p->config.device && !index && !lv->place.visor) {
			diag_fail(diag, -ENODEV, "port", "there is no device '%s'",
				  p->config.device);
			loader_place(desc, p->pos, diag);
			return -ENODEV;
		}
		if (index && !p->config.ifindex)
			p->config.ifindex = index;
		if (!lv->place.visor && p->config.ifindex != index) {
			diag_fail(diag, -EINVAL, "port",
				  "the kernel gives '%s' the ifindex %u, not %u", p->config.device,
				  index, (unsigned)p->config.ifindex);
			loader_place(desc, p->pos, diag);
			return -EINVAL;
		}
	}
	return 0;
}

/* ---- entry programs
 * --------------------------------------------------------------------------------- */

static int ports_stub(struct live *lv, const struct record *r, const struct record_port *p,
		      struct visor_diag *diag)
{
	const struct hook *hook = hook_get(r->hook);
	const struct stitch how = {
		.hook = hook,
		.slots_fd = lv->slots_fd,
		.counters_fd = lv->counters_fd,
		.base = counters_at(p->row),
		.stride = record_stride(r),
		.n_cpus = r->n_cpus,
		.timed = true,
	};
	struct bpf_insn insns[STITCH_ENTRY_INSNS];
	uint32_t n = stitch_entry(&how, p->slot, insns);
	union bpf_attr attr = {.prog_type = hook->prog_type,
			       .insns = (uintptr_t)insns,
			       .insn_cnt = n,
			       .license = (uintptr_t) "Dual BSD/GPL",
			       .expected_attach_type = r->hook == CHAIN_HOOK_XDP ? BPF_XDP : 0};
	int fd, err;

	snprintf(attr.prog_name, sizeof(attr.prog_name), "visor_entry");
	fd = load_bpf(BPF_PROG_LOAD, &attr, sizeof(attr));
	if (fd < 0)
		return diag_fail(diag, fd, "load", "cannot load the entry program of port '%s'",
				 p->name);
	place_remove(&lv->place, "port/%s/stub", p->name);
	err = place_pin(&lv->place, fd, "port/%s/stub", p->name);
	close(fd);
	return err ? diag_fail(diag, err, "place", "cannot pin the entry program of port '%s'",
			       p->name)
		   : 0;
}

int live_ports_stubs(struct live *lv, const struct record *r, struct visor_diag *diag)
{
	int err = 0;

	for (uint32_t i = 0; !err && i < r->n_ports; i++) {
		const struct record_port *p = &r->ports[i];
		int64_t was = lv->now ? record_find_port(lv->now, p->name) : -1;

		if (p->slot == RECORD_NO_SLOT || (was >= 0 && lv->now->ports[was].slot == p->slot))
			continue;
		err = ports_stub(lv, r, p, diag);
	}
	return err;
}

/* ---- attaching, kernel engine
 * --------------------------------------------------------------------------- */

/* What attach_port said, kept in a map beside the link. */
static int ports_info_get(const struct live *lv, const char *port, struct attached *out)
{
	uint32_t key = 0;
	union bpf_attr attr = {.key = (uintptr_t)&key, .value = (uintptr_t)out};
	struct bpf_map_info info = {0};
	union bpf_attr ask = {.info = {.info_len = sizeof(info), .info = (uintptr_t)&info}};
	int fd = place_get(&lv->place, "port/%s/info", port), err;

	if (fd < 0)
		return fd;
	ask.info.bpf_fd = attr.map_fd = (uint32_t)fd;
	err = MIN(load_bpf(BPF_OBJ_GET_INFO_BY_FD, &ask, sizeof(ask)), 0);
	if (!err && (info.type != BPF_MAP_TYPE_ARRAY || info.value_size != sizeof(*out)))
		err = -EBADMSG;
	if (!err)
		err = MIN(load_bpf(BPF_MAP_LOOKUP_ELEM, &attr, sizeof(attr)), 0);
	close(fd);
	return err;
}

static int ports_info_set(const struct live *lv, const char *port, const struct attached *a,
			  struct visor_diag *diag)
{
	uint32_t key = 0;
	union bpf_attr attr = {.key = (uintptr_t)&key, .value = (uintptr_t)a};
	int fd = loader_map(BPF_MAP_TYPE_ARRAY, "chain_attached", sizeof(*a), 1, 0, diag), err;

	if (fd < 0)
		return fd;
	attr.map_fd = (uint32_t)fd;
	err = MIN(load_bpf(BPF_MAP_UPDATE_ELEM, &attr, sizeof(attr)), 0);
	place_remove(&lv->place, "port/%s/info", port);
	if (!err)
		err = place_pin(&lv->place, fd, "port/%s/info", port);
	close(fd);
	return err ? diag_fail(diag, err, "place", "cannot write down where port '%s' is attached",
			       port)
		   : 0;
}

static enum attach_hook ports_hook(const struct record *r)
{
	return r->hook == CHAIN_HOOK_XDP ? ATTACH_XDP : ATTACH_INGRESS;
}

static int ports_detach(struct live *lv, const char *port, struct visor_diag *diag)
{
	struct attached a = {0};
	char pin[PATH_MAX];
	int err = ports_info_get(lv, port, &a);

	if (err && err != -ENOENT)
		return diag_fail(diag, err, "place", "cannot read where port '%s' is attached",
				 port);
	err = place_path(&lv->place, pin, "port/%s/link", port);
	if (!err)
		err = attach_remove(&a, pin, diag);
	if (!err)
		err = place_remove(&lv->place, "port/%s", port);
	return err;
}

static int ports_attach(struct live *lv, const struct record_port *p, struct visor_diag *diag)
{
	struct attach_spec spec = {.hook = ports_hook(lv->now), .device = p->device};
	struct attached a = {0};
	enum attach_state state = ATTACH_DETACHED;
	struct visor_diag remark = {0};
	char pin[PATH_MAX];
	int err = place_path(&lv->place, pin, "port/%s/link", p->name), how;

	if (!err && !ports_info_get(lv, p->name, &a))
		err = attach_state(&a, pin, &state, NULL, diag);
	how = attach_how_parse(spec.hook, p->how);
	if (!err && how < 0)
		err = diag_fail(diag, -EINVAL, "port",
				"port '%s': there is no way '%s' onto a %s hook", p->name, p->how,
				attach_hook_name(spec.hook));
	if (err || (state == ATTACH_ATTACHED && a.ifindex == p->ifindex &&
		    (how == ATTACH_AUTO || how == (int)a.how)))
		return err;
	err = attach_remove(&a, pin, diag);
	if (err)
		return err;
	spec.how = (enum attach_how)how;
	spec.pin = pin;
	spec.prog_fd = place_get(&lv->place, "port/%s/stub", p->name);
	if (spec.prog_fd < 0)
		return diag_fail(diag, spec.prog_fd, "place",
				 "the entry program of port '%s' is missing", p->name);
	err = attach_port(&spec, &a, &remark, diag);
	close(spec.prog_fd);
	if (err) {
		diag_in(diag, "port %s", p->name);
		return err;
	}
	if (remark.text[0])
		live_remark(lv, "port '%s': %s", p->name, remark.text);
	err = ports_info_set(lv, p->name, &a, diag);
	if (err)
		attach_remove(&a, pin, NULL);
	return err;
}

struct ports_sweep {
	struct live *lv;
	char name[NAME_MAX + 1];
	bool all, found;
};

/* place_each: a port that the running generation does not have. */
static int ports_gone(void *user, const char *name)
{
	struct ports_sweep *s = user;
	int64_t i = s->all ? -1 : record_find_port(s->lv->now, name);

	if (i >= 0 && s->lv->now->ports[i].slot != RECORD_NO_SLOT)
		return 0;
	snprintf(s->name, sizeof(s->name), "%s", name);
	s->found = true;
	return 1;
}

static int ports_detach_others(struct live *lv, bool all, struct visor_diag *diag)
{
	struct ports_sweep s = {.lv = lv, .all = all};
	int err;

	do {
		s.found = false;
		err = place_each(&lv->place, "port", ports_gone, &s);
		if (s.found)
			err = lv->place.visor ? place_remove(&lv->place, "port/%s", s.name)
					      : ports_detach(lv, s.name, diag);
	} while (s.found && !err);
	return err < 0 ? err : 0;
}

/* An interrupted `down` has removed some already, of a chain that stays after all. */
static int ports_missing_stubs(struct live *lv, struct visor_diag *diag)
{
	int err = 0;

	for (uint32_t i = 0; !err && i < lv->now->n_ports; i++) {
		const struct record_port *p = &lv->now->ports[i];
		int fd;

		if (p->slot == RECORD_NO_SLOT)
			continue;
		fd = place_get(&lv->place, "port/%s/stub", p->name);
		if (fd >= 0)
			close(fd);
		else if (fd == -ENOENT)
			err = ports_stub(lv, lv->now, p, diag);
	}
	return err;
}

int live_ports_attach(struct live *lv, struct visor_diag *diag)
{
	int err = ports_detach_others(lv, false, diag);

	if (!err)
		err = ports_missing_stubs(lv, diag);
	if (err || lv->place.visor)
		return err ? err : runner_settle(lv, diag);
	for (uint32_t i = 0; !err && i < lv->now->n_ports; i++)
		if (lv->now->ports[i].slot != RECORD_NO_SLOT)
			err = ports_attach(lv, &lv->now->ports[i], diag);
	return err;
}

int live_ports_detach_all(struct live *lv, struct visor_diag *diag)
{
	int err = lv->place.visor ? runner_stop(lv, diag) : 0;

	return err ? err : ports_detach_others(lv, true, diag);
}

void live_port_state(struct live *lv, const struct record_port *p, struct live_port *out)
{
	static const char *const texts[] = {
		[ATTACH_ATTACHED] = "",
		[ATTACH_DEVICE_GONE] = "the device is gone",
		[ATTACH_DETACHED] = "detached",
		[ATTACH_REPLACED] = "another program is in its place",
	};
	struct attached a = {0};
	enum attach_state state = ATTACH_DETACHED;
	char pin[PATH_MAX];

	memset(out, 0, sizeof(*out));
	if (p->slot == RECORD_NO_SLOT)
		return;
	if (lv->place.visor) {
		runner_port_state(lv, p, out);
		return;
	}
	if (!ports_info_get(lv, p->name, &a) &&
	    !place_path(&lv->place, pin, "port/%s/link", p->name))
		attach_state(&a, pin, &state, &a, NULL);
	out->attached = state == ATTACH_ATTACHED;
	snprintf(out->state, sizeof(out->state), "%s", texts[state]);
	if (out->attached)
		snprintf(out->how, sizeof(out->how), "%s", attach_how_name(a.how));
}
