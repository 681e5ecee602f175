/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Contracts of helpers, kernel functions and maps against the running kernel: which program may
 * call what, what each argument has to be, which map a helper takes, which map can be made.
 *
 * What the kernel expects of an argument is read from its own words: "R1 type=scalar
 * expected=map_ptr" names the kind of the argument, whatever else is wrong with the call.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>
#include <linux/capability.h>
#include <sys/utsname.h>

#include "sites.h"

static bool says(const char *text)
{
	return strstr(site_log, text) != NULL;
}

/* The end of the log, without the statistics. */
static const char *words(void)
{
	char *end = strstr(site_log, "processed ");

	if (end && (end == site_log || end[-1] == '\n'))
		*end = '\0';
	return strlen(site_log) > 300 ? site_log + strlen(site_log) - 300 : site_log;
}

/* ---- who may call -------------------------------------------------------------------- */

/* Missing in the kernel at hand for other reasons than the type of the program. */
static bool is_configured_out(uint32_t id)
{
	return id == BPF_FUNC_probe_write_user /* lockdown */ ||
	       id == BPF_FUNC_override_return /* no kprobes */;
}

static void expect(const struct site *site, const char *what, const char *of, bool ours,
		   bool theirs)
{
	if (ours != theirs)
		fail_msg("%s: %s: %s: we say %s; kernel: %s", site->name, of, what,
			 ours ? "yes" : "no", words());
}

static void callers_agree(void **state)
{
	int compared = 0;

	for (int s = 0; s < n_sites; s++) {
		const struct site *site = &sites[s];

		for (uint32_t id = 1; id < CATALOG_HELPERS; id++, compared++) {
			struct bpf_insn insns[] = {CALL((int)id), MOV_IMM(0, 0), EXIT()};
			const char *name = catalog_helper_name(id);
			const struct helper *h;
			int err = catalog_helper_contract(id, site->type, site->attach,
							  site->sleepable, &h);
			int target = err ? 0
					 : catalog_helper_target(h, site->type, site->attach,
								 site->target, site->member);
			bool never;

			assert_true(!err == !!h);
			site_load(site, insns, 3, 0, "GPL");
			assert_true(is_configured_out(id) || !says("invalid func unknown"));
			if (is_configured_out(id) && says("cannot use helper"))
				continue;
			never = err || target == -EINVAL;
			expect(site, "cannot use", name, never, says("cannot use helper"));
			expect(site, "not allowed in probe", name, target == -EPERM,
			       says("helper call is not allowed in probe"));
			if (never || target)
				continue;
			expect(site, "might sleep", name,
			       (h->flags & HELPER_MIGHT_SLEEP) && !site->sleepable,
			       says("helper call might sleep in a non-sleepable prog"));
			if (site->type->flags & PROG_GPL)
				continue;
			site_load(site, insns, 3, 0, "BSD");
			expect(site, "GPL", name, h->flags & HELPER_GPL,
			       says("cannot call GPL-restricted function"));
		}
	}
	print_message("%d sites, %d calls compared\n", n_sites, compared);
}

/* The id of the i-th kernel function, or 0: searched for once, since a search is slow. */
static int kfunc_id(size_t i)
{
	static int ids[512];
	const struct kfunc_row *f = catalog_kfunc_at(i);

	if (i >= ARRAY_SIZE(ids) || f->elsewhere)
		return 0;
	if (!ids[i])
		ids[i] = btf__find_by_name_kind(vmlinux, f->name, BTF_KIND_FUNC);
	return ids[i] > 0 ? ids[i] : 0;
}

static int kfunc_id_of(const char *name)
{
	return kfunc_id((size_t)(catalog_kfunc(name) - catalog_kfunc_at(0)));
}

static void kfuncs_agree(void **state)
{
	int compared = 0;
	uint64_t seen[64] = {0};

	for (int s = 0; s < n_sites; s++) {
		const struct site *site = &sites[s];
		uint32_t type = site->type->type;

		/* What makes a difference: type, but for some attach types. */
		if (seen[type] && !strchr("\x1c\x2a\x30\x38\x39", (int)site->attach))
			continue;
		seen[type]++;
		for (size_t i = 0; catalog_kfunc_at(i); i++) {
			const struct kfunc_row *f = catalog_kfunc_at(i);
			int id = kfunc_id(i);
			struct bpf_insn insns[] = {
				INSN(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_KFUNC_CALL, 0, id),
				MOV_IMM(0, 0), EXIT()};
			bool ours = catalog_kfunc_allowed(f, site->type, site->attach);

			if (!id)
				continue;
			site_load(site, insns, 3, 0, "GPL");
			/* Asked before the rest of the permission. */
			if (says("metadata kfuncs require device-bound program"))
				continue;
			compared++;
			expect(site, "allowed", f->name, ours, !says("is not allowed"));
			if (!ours)
				continue;
			if (!site->sleepable)
				expect(site, "sleeps", f->name, f->flags & KF_SLEEPABLE,
				       says("must be sleepable"));
		}
	}
	print_message("%d calls of kernel functions compared\n", compared);
}

/* Each function that the kernel's BTF marks has its row. */
static void kfuncs_are_complete(void **state)
{
	uint32_t n = btf__type_cnt(vmlinux);
	int marked = 0;

	for (uint32_t i = 1; i < n; i++) {
		const struct btf_type *t = btf__type_by_id(vmlinux, i), *f;
		const struct kfunc_row *row;
		const char *name;

		if (!btf_is_decl_tag(t) ||
		    strcmp(btf__name_by_offset(vmlinux, t->name_off), "bpf_kfunc") != 0)
			continue;
		f = btf__type_by_id(vmlinux, t->type);
		name = btf__name_by_offset(vmlinux, f->name_off);
		row = catalog_kfunc(name);
		if (!row)
			fail_msg("no row for %s", name);
		marked++;
	}
	for (size_t i = 0; catalog_kfunc_at(i); i++)
		assert_ptr_equal(catalog_kfunc(catalog_kfunc_at(i)->name), catalog_kfunc_at(i));
	assert_null(catalog_kfunc(""));
	assert_null(catalog_kfunc("bpf_nothing"));
	assert_null(catalog_kfunc("zzz"));
	print_message("%d functions\n", marked);
}

/* ---- arguments ----------------------------------------------------------------------- */

static int text_fd, writable_fd;

struct code {
	struct bpf_insn insns[160];
	uint32_t n;
	uint32_t func; /* the instruction that takes the callback's address, 0: none */
};

#define EMIT(c, ...)                                                              \
	do {                                                                      \
		const struct bpf_insn new_[] = {__VA_ARGS__};                     \
		assert_true((c)->n + ARRAY_SIZE(new_) <= ARRAY_SIZE((c)->insns)); \
		memcpy((c)->insns + (c)->n, new_, sizeof(new_));                  \
		(c)->n += ARRAY_SIZE(new_);                                       \
	} while (0)

/* What is tried as an argument. */
enum cand {
	C_GOOD, /* what the contract wants */
	C_UNSET,
	C_ONE,
	C_NULL,
	C_CTX,
	C_STACK,
	C_STACK_UNSET, /* stack that was not written */
	C_STACK_END,   /* its last byte */
	C_STACK_ODD,   /* not aligned */
	C_MAP,
	C_VALUE, /* of a map that programs may only read */
	C_PACKET,
	C_RDONLY, /* read-only memory that is no map's */
};

struct call {
	const struct site *site;
	const struct helper *h;
	int arg; /* the one that is changed */
	enum cand cand;
	uint32_t size; /* constant for lengths, 0: 4 */
	bool read_r0;  /* dereference what is returned */
	bool use_packet;
	bool rest; /* the arguments behind the changed one are given, too */
};

/* Where the context has a socket; negative: nowhere. */
static int site_sock_off(const struct site *site)
{
	switch (site->type->type) {
	case BPF_PROG_TYPE_SOCKET_FILTER:
	case BPF_PROG_TYPE_SCHED_CLS:
	case BPF_PROG_TYPE_SCHED_ACT:
	case BPF_PROG_TYPE_CGROUP_SKB:
	case BPF_PROG_TYPE_SK_SKB:
		return offsetof(struct __sk_buff, sk);
	case BPF_PROG_TYPE_SOCK_OPS:
		return offsetof(struct bpf_sock_ops, sk);
	case BPF_PROG_TYPE_CGROUP_SOCK_ADDR:
		return offsetof(struct bpf_sock_addr, sk);
	case BPF_PROG_TYPE_SK_MSG:
		return offsetof(struct sk_msg_md, sk);
	case BPF_PROG_TYPE_SK_REUSEPORT:
		return offsetof(struct sk_reuseport_md, sk);
	case BPF_PROG_TYPE_CGROUP_SOCKOPT:
	case BPF_PROG_TYPE_SK_LOOKUP:
		return 0;
	default:
		return -1;
	}
}

static bool site_has_packet(const struct site *site)
{
	return site->type->type == BPF_PROG_TYPE_XDP ||
	       site->type->type == BPF_PROG_TYPE_SCHED_CLS ||
	       site->type->type == BPF_PROG_TYPE_LWT_XMIT;
}

static const struct map_kind *some_map(uint32_t id)
{
	for (uint32_t t = 1; t < ARRAY_SIZE(site_maps); t++)
		if (site_maps[t] >= 0 && t != BPF_MAP_TYPE_SOCKMAP && t != BPF_MAP_TYPE_SOCKHASH &&
		    t != BPF_MAP_TYPE_ARENA && catalog_map_permits(t, id))
			return catalog_map_known(t);
	if (catalog_map_permits(BPF_MAP_TYPE_SOCKMAP, id))
		return catalog_map_known(BPF_MAP_TYPE_SOCKMAP);
	if (catalog_map_permits(BPF_MAP_TYPE_SOCKHASH, id))
		return catalog_map_known(BPF_MAP_TYPE_SOCKHASH);
	return catalog_map_known(BPF_MAP_TYPE_ARRAY);
}

/* How the site gets at a kernel struct. */
enum source { NOWHERE, FROM_HELPER, FROM_ITER, FROM_CTX };

static enum source struct_source(const struct call *call, int i)
{
	const char *name = call->h->btf[i];

	if (!name)
		return NOWHERE;
	if (!strcmp(name, "task_struct"))
		return FROM_HELPER;
	if (!strcmp(name, "seq_file") && call->site->attach == BPF_TRACE_ITER)
		return FROM_ITER;
	if (!strcmp(name, "sk_buff") && call->site->target &&
	    !strcmp(call->site->target, "kfree_skb"))
		return FROM_CTX;
	return NOWHERE;
}

/* A value that the contract accepts, in reg; false if we cannot make one. r6: the context,
 * r7: a socket or struct. */
static bool emit_good(struct code *c, const struct call *call, int reg)
{
	uint32_t arg = call->h->args[reg - 1];

	switch (arg & ARG_KIND) {
	case ARG_ANY:
		EMIT(c, MOV_IMM(reg, 0));
		return true;
	case ARG_SIZE:
	case ARG_SIZE0:
		EMIT(c, MOV_IMM(reg, call->size ? (int)call->size : 4));
		return true;
	case ARG_ALLOC_SIZE:
		EMIT(c, MOV_IMM(reg, 8));
		return true;
	case ARG_MAP:
		EMIT(c, LD64(reg, BPF_PSEUDO_MAP_FD, site_maps[some_map(call->h->id)->type], 0));
		return true;
	case ARG_CTX:
		EMIT(c, MOV_REG(reg, 6));
		return true;
	case ARG_MEM:
	case ARG_MAP_KEY:
	case ARG_MAP_VALUE:
		EMIT(c, MOV_REG(reg, 10), ADD_IMM(reg, -64));
		return true;
	case ARG_CONST_STR:
		EMIT(c, LD64(reg, BPF_PSEUDO_MAP_VALUE, text_fd, 0));
		return true;
	case ARG_SOCK_COMMON:
	case ARG_BTF_SOCK_COMMON:
		if (site_sock_off(call->site) < 0)
			return false;
		EMIT(c, MOV_REG(reg, 7));
		return true;
	case ARG_BTF:
		if (struct_source(call, reg - 1)) {
			EMIT(c, MOV_REG(reg, 7));
			return true;
		}
		if (!(arg & ARG_NULL) || (arg & ARG_RELEASE))
			return false;
		EMIT(c, MOV_IMM(reg, 0));
		return true;
	case ARG_STACK:
		EMIT(c, MOV_REG(reg, 10), ADD_IMM(reg, -64));
		return true;
	case ARG_FUNC:
		c->func = c->n;
		EMIT(c, LD64(reg, BPF_PSEUDO_FUNC, 0, 0));
		return true;
	case ARG_DYNPTR:
		if (arg & (ARG_UNINIT | ARG_RELEASE))
			return false;
		EMIT(c, MOV_REG(reg, 10), ADD_IMM(reg, -112));
		return true;
	default:
		return false;
	}
}

static void emit_cand(struct code *c, const struct call *call, int reg)
{
	switch (call->cand) {
	case C_GOOD:
		(void)emit_good(c, call, reg);
		break;
	case C_UNSET:
		break;
	case C_ONE:
	case C_NULL:
		EMIT(c, MOV_IMM(reg, call->cand == C_ONE));
		break;
	case C_CTX:
		EMIT(c, MOV_REG(reg, 6));
		break;
	case C_STACK:
		EMIT(c, MOV_REG(reg, 10), ADD_IMM(reg, -64));
		break;
	case C_STACK_UNSET:
		EMIT(c, MOV_REG(reg, 10), ADD_IMM(reg, -256));
		break;
	case C_STACK_END:
		EMIT(c, MOV_REG(reg, 10), ADD_IMM(reg, -1));
		break;
	case C_STACK_ODD:
		EMIT(c, MOV_REG(reg, 10), ADD_IMM(reg, -63));
		break;
	case C_MAP:
		EMIT(c, LD64(reg, BPF_PSEUDO_MAP_FD, site_maps[some_map(call->h->id)->type], 0));
		break;
	case C_VALUE:
		EMIT(c, LD64(reg, BPF_PSEUDO_MAP_VALUE, text_fd, 0));
		break;
	case C_PACKET:
		EMIT(c, MOV_REG(reg, 8));
		break;
	case C_RDONLY:
		EMIT(c, MOV_REG(reg, 9));
		break;
	}
}

static void emit_leave(struct code *c, const struct site *site)
{
	EMIT(c, MOV_IMM(0, site->ret), EXIT());
}

/* A dynptr on the stack. */
static void emit_dynptr(struct code *c, int off)
{
	EMIT(c, LD64(1, BPF_PSEUDO_MAP_VALUE, writable_fd, 0), MOV_IMM(2, 16), MOV_IMM(3, 0),
	     MOV_REG(4, 10), ADD_IMM(4, off), CALL(BPF_FUNC_dynptr_from_mem));
}

/* r9: a read-only slice of one. */
static void emit_slice(struct code *c, const struct site *site)
{
	int id = kfunc_id_of("bpf_dynptr_slice");

	emit_dynptr(c, -96);
	EMIT(c, MOV_REG(1, 10), ADD_IMM(1, -96), MOV_IMM(2, 0), MOV_IMM(3, 0), MOV_IMM(4, 16),
	     INSN(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_KFUNC_CALL, 0, id), JUMP_IMM(BPF_JNE, 0, 0, 2));
	emit_leave(c, site);
	EMIT(c, MOV_REG(9, 0));
}

static void emit_struct(struct code *c, enum source source)
{
	if (source == FROM_HELPER)
		EMIT(c, CALL(BPF_FUNC_get_current_task_btf), MOV_REG(7, 0));
	else if (source != NOWHERE)
		EMIT(c, LOAD(BPF_DW, 7, 6, 0));
	if (source == FROM_ITER)
		EMIT(c, LOAD(BPF_DW, 7, 7, 0));
}

static void emit_prologue(struct code *c, const struct call *call)
{
	const struct site *site = call->site;
	bool xdp = site->type->type == BPF_PROG_TYPE_XDP;
	int sock = site_sock_off(site);

	EMIT(c, MOV_REG(6, 1));
	for (int off = -80; off < 0; off += 8)
		EMIT(c, INSN(BPF_ST | BPF_MEM | BPF_DW, 10, 0, (int16_t)off, 0));
	for (int i = 0; i < 5; i++) {
		uint32_t kind = call->h->args[i] & ARG_KIND;

		if (kind == ARG_BTF)
			emit_struct(c, struct_source(call, i));
		if (kind == ARG_DYNPTR && !(call->h->args[i] & ARG_UNINIT))
			emit_dynptr(c, -112);
		if (sock < 0 || (kind != ARG_SOCK_COMMON && kind != ARG_BTF_SOCK_COMMON))
			continue;
		EMIT(c, LOAD(BPF_DW, 7, 6, (int16_t)sock), JUMP_IMM(BPF_JNE, 7, 0, 2));
		emit_leave(c, site);
	}
	if (call->cand == C_PACKET || call->use_packet) {
		EMIT(c,
		     LOAD(BPF_W, 8, 6,
			  xdp ? offsetof(struct xdp_md, data) : offsetof(struct __sk_buff, data)),
		     LOAD(BPF_W, 2, 6,
			  xdp ? offsetof(struct xdp_md, data_end)
			      : offsetof(struct __sk_buff, data_end)),
		     MOV_REG(3, 8), ADD_IMM(3, 64), JUMP_REG(BPF_JLE, 3, 2, 2));
		emit_leave(c, site);
	}
	if (call->cand == C_RDONLY)
		emit_slice(c, site);
	EMIT(c, CALL(BPF_FUNC_ktime_get_ns)); /* leaves r1 to r5 unset */
}

/* Loads the call; false if it cannot be written. */
static bool try_call(const struct call *call)
{
	struct code c = {.n = 0};
	uint32_t end;

	emit_prologue(&c, call);
	for (int i = 0; i < 5 && call->h->args[i]; i++) {
		if (i == call->arg)
			emit_cand(&c, call, i + 1);
		else if (i > call->arg && !call->rest && call->arg >= 0)
			break;
		else if (!emit_good(&c, call, i + 1))
			return false;
	}
	EMIT(&c, CALL((int)call->h->id));
	if (call->read_r0)
		EMIT(&c, LOAD(BPF_DW, 1, 0, 0));
	if (call->use_packet)
		EMIT(&c, LOAD(BPF_B, 1, 8, 0));
	emit_leave(&c, call->site);
	end = c.func ? c.n : 0;
	if (c.func) {
		c.insns[c.func].imm = (int)(c.n - c.func - 1);
		EMIT(&c, MOV_IMM(0, 0), EXIT());
	}
	site_load(call->site, c.insns, c.n, end, "GPL");
	return true;
}

/* What the kernel says that an argument of that kind should be; NULL: anything goes. */
static const char *kind_text(uint32_t arg)
{
	static const char *const texts[] = {
		[ARG_MAP] = "map_ptr",
		[ARG_CTX] = "ctx",
		[ARG_MEM] = "fp, pkt, pkt_meta, map_key, map_value, mem, ringbuf_mem, buf, "
			    "trusted_ptr_",
		[ARG_SIZE] = "scalar",
		[ARG_SIZE0] = "scalar",
		[ARG_ALLOC_SIZE] = "scalar",
		[ARG_ALLOC_MEM] = "ringbuf_mem",
		[ARG_CONST_STR] = "map_value",
		[ARG_FUNC] = "func",
		[ARG_STACK] = "fp",
		[ARG_SPIN_LOCK] = "map_value, ptr_",
		[ARG_TIMER] = "map_value",
		[ARG_SOCK_COMMON] = "sock_common, sock, tcp_sock, xdp_sock",
		[ARG_SOCKET] = "sock",
		[ARG_BTF] = "ptr_, trusted_ptr_, rcu_ptr_",
		[ARG_BTF_SOCK_COMMON] = "sock_common, sock, tcp_sock, xdp_sock, ptr_, trusted_ptr_",
		[ARG_PERCPU_BTF] = "percpu_ptr_, percpu_rcu_ptr_, percpu_trusted_ptr_",
		[ARG_KPTR_DEST] = "map_value, ptr_",
		[ARG_DYNPTR] = "fp, dynptr_ptr",
	};
	uint32_t kind = arg & ARG_KIND;

	if (kind == ARG_MAP_KEY || kind == ARG_MAP_VALUE)
		kind = ARG_MEM;
	return kind < ARRAY_SIZE(texts) ? texts[kind] : NULL;
}

/* Whether an argument of that kind may be of the candidate's type. */
static bool kind_takes(uint32_t arg, enum cand cand)
{
	if (cand == C_NULL && (arg & ARG_NULL))
		return true;
	switch (arg & ARG_KIND) {
	case ARG_ANY:
		return true;
	case ARG_MAP:
		return cand == C_MAP;
	case ARG_CTX:
		return cand == C_CTX;
	case ARG_MEM:
	case ARG_MAP_KEY:
	case ARG_MAP_VALUE:
		return cand == C_STACK || cand == C_STACK_UNSET || cand == C_VALUE ||
		       cand == C_PACKET || (cand == C_RDONLY && (arg & ARG_RDONLY));
	case ARG_SIZE:
	case ARG_SIZE0:
	case ARG_ALLOC_SIZE:
		return cand == C_ONE || cand == C_NULL;
	case ARG_CONST_STR:
	case ARG_SPIN_LOCK:
	case ARG_TIMER:
	case ARG_KPTR_DEST:
		return cand == C_VALUE;
	case ARG_STACK:
	case ARG_DYNPTR:
		return cand == C_STACK || cand == C_STACK_UNSET;
	default:
		return false;
	}
}

static int n_arguments, n_unreached, n_wrong;

static void fail_call(const struct call *call, const char *what, bool ours)
{
	n_wrong++;
	print_error("%s: bpf_%s, argument %d, candidate %d: %s: we say %s; kernel: %s\n",
		    call->site->name, call->h->name, call->arg + 1, call->cand, what,
		    ours ? "yes" : "no", words());
}

static void expect_call(const struct call *call, const char *what, bool ours, bool theirs)
{
	n_arguments++;
	if (ours != theirs)
		fail_call(call, what, ours);
}

/* The type of each candidate. */
static bool expect_types(struct call call)
{
	const char *text = kind_text(call.h->args[call.arg]);
	char mismatch[32], expected[160], unset[32];
	bool any = false;

	snprintf(mismatch, sizeof(mismatch), "R%d type=", call.arg + 1);
	snprintf(expected, sizeof(expected), " expected=%s\n", text ? text : "");
	snprintf(unset, sizeof(unset), "R%d !read_ok", call.arg + 1);
	for (call.cand = C_UNSET; call.cand <= C_RDONLY; call.cand++) {
		uint32_t arg = call.h->args[call.arg];
		bool takes = kind_takes(arg, call.cand);

		if (call.cand == C_PACKET && !site_has_packet(call.site))
			continue;
		if (call.cand == C_STACK_END || call.cand == C_STACK_ODD)
			continue;
		if (!try_call(&call))
			return false;
		if (call.cand == C_UNSET) {
			expect_call(&call, "is an argument", true, says(unset));
			continue;
		}
		/* Refused before the type is looked at. */
		if (!takes && (says("helper access to the packet is not allowed") ||
			       says("Sleepable programs can only use")))
			continue;
		expect_call(&call, "type", !takes, says(mismatch) && says(" expected="));
		if (!takes)
			expect_call(&call, text, true, says(expected));
		any = true;
	}
	return any;
}

/* The memory behind a pointer. */
static void expect_region(struct call call)
{
	uint32_t arg = call.h->args[call.arg];
	char text[64];

	call.rest = true;
	call.cand = C_VALUE;
	if ((arg & ARG_KIND) == ARG_MEM && try_call(&call))
		expect_call(&call, "written", arg & ARG_WRITE, says("write into map forbidden"));
	call.cand = C_PACKET;
	if (site_has_packet(call.site) && try_call(&call))
		expect_call(&call, "not in a packet", !(call.h->flags & HELPER_PKT_DATA),
			    says("helper access to the packet is not allowed"));
	call.cand = C_STACK_END;
	if ((arg & ARG_KIND) == ARG_MEM && try_call(&call)) {
		snprintf(text, sizeof(text), "stack R%d off=-1 size=%u", call.arg + 1,
			 arg & ARG_FIXED ? call.h->size[call.arg] : 4);
		expect_call(&call, text, true, says(text));
		snprintf(text, sizeof(text), "invalid write to stack R%d", call.arg + 1);
		expect_call(&call, text, arg & ARG_WRITE, says(text));
	}
	call.cand = C_STACK_ODD;
	if ((arg & ARG_FIXED) && try_call(&call))
		expect_call(&call, "aligned", arg & ARG_ALIGNED, says("misaligned stack access"));
}

static void expect_length(struct call call)
{
	call.rest = true;
	call.cand = C_NULL;
	if (try_call(&call))
		expect_call(&call, "not 0", (call.h->args[call.arg] & ARG_KIND) == ARG_SIZE,
			    says("invalid zero-sized read"));
}

static void expect_result(const struct site *site, const struct helper *h)
{
	static const char *const texts[] = {
		[RET_INTEGER] = "R0 invalid mem access 'scalar'",
		[RET_VOID] = "R0 !read_ok",
		[RET_MAP_VALUE] = "map_value",
		[RET_SOCKET] = "sock",
		[RET_TCP_SOCK] = "tcp_sock",
		[RET_SOCK_COMMON] = "sock_common",
		[RET_ALLOC_MEM] = "ringbuf_mem",
		[RET_DYNPTR_MEM] = "mem",
		[RET_BTF] = "ptr_",
	};
	struct call call = {.site = site, .h = h, .arg = -1, .read_r0 = true};
	uint32_t kind = h->ret & RET_KIND;
	char text[64];

	if (kind >= ARRAY_SIZE(texts) || h->id == BPF_FUNC_tail_call || !try_call(&call) ||
	    !says("r1 = *(u64 *)(r0 +0)"))
		return;
	if (h->ret & RET_NULL)
		snprintf(text, sizeof(text), "R0 invalid mem access '%s%s", texts[kind],
			 kind == RET_BTF ? "or_null_" : "_or_null'");
	else
		snprintf(text, sizeof(text), "%s", texts[kind]);
	if (kind == RET_MAP_VALUE && !(h->ret & RET_NULL))
		return; /* may be read */
	if (kind == RET_INTEGER || kind == RET_VOID || (h->ret & RET_NULL))
		expect_call(&call, text, true, says(text));
}

static void expect_row(const struct site *site, const struct helper *h)
{
	struct call call = {.site = site, .h = h};
	int n = 0;

	for (call.arg = 0; call.arg < 5 && h->args[call.arg]; call.arg++, n++) {
		uint32_t kind = h->args[call.arg] & ARG_KIND;

		if (!expect_types(call)) {
			n_unreached++;
			continue;
		}
		if (kind == ARG_MEM || kind == ARG_MAP_KEY || kind == ARG_MAP_VALUE)
			expect_region(call);
		if (kind == ARG_SIZE || kind == ARG_SIZE0)
			expect_length(call);
	}
	expect_result(site, h);
	/* No argument but those; those of trace_printk follow its format. */
	call = (struct call){.site = site, .h = h, .arg = -1};
	if (n < 5 && try_call(&call)) {
		char unset[32];

		snprintf(unset, sizeof(unset), "R%d !read_ok", n + 1);
		expect_call(&call, unset, false, says(unset));
	}
	call = (struct call){.site = site, .h = h, .arg = -1, .use_packet = true};
	if (site_has_packet(site) && !(h->flags & HELPER_ACQUIRE) && try_call(&call) &&
	    !says("BPF_EXIT instruction"))
		expect_call(&call, "packet moves", h->flags & HELPER_PKT_MOVES,
			    says("R8 invalid mem access 'scalar'"));
}

static void arguments_agree(void **state)
{
	static const struct helper *seen[CATALOG_HELPERS * 2];
	int n_seen = 0;

	for (uint32_t id = 1; id < CATALOG_HELPERS; id++) {
		int from = n_seen;

		for (int s = 0; s < n_sites; s++) {
			const struct site *site = &sites[s];
			const struct helper *h;
			int i = from;

			if (catalog_helper_contract(id, site->type, site->attach, site->sleepable,
						    &h) ||
			    catalog_helper_target(h, site->type, site->attach, site->target,
						  site->member))
				continue;
			if ((h->flags & HELPER_MIGHT_SLEEP) && !site->sleepable)
				continue;
			/* A program array belongs to the type that uses it first. */
			if (is_configured_out(id) || (id == BPF_FUNC_tail_call &&
						      site->type->type != BPF_PROG_TYPE_SCHED_CLS))
				continue;
			while (i < n_seen && seen[i] != h)
				i++;
			if (i < n_seen)
				continue;
			seen[n_seen++] = h;
			expect_row(site, h);
		}
	}
	print_message("%d rows, %d statements on arguments compared; %d arguments out of reach\n",
		      n_seen, n_arguments, n_unreached);
	assert_int_equal(n_wrong, 0);
}

/* Without CAP_PERFMON, helpers do not read what was not written. */
static void uninitialised_agree(void **state)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct all[2], few[2];
	const uint64_t keep = UINT64_C(1) << CAP_BPF | UINT64_C(1) << CAP_NET_ADMIN;
	int compared = 0, wrong = n_wrong;

	assert_int_equal(syscall(__NR_capget, &head, all), 0);
	memcpy(few, all, sizeof(few));
	few[0].effective = (uint32_t)keep;
	few[1].effective = (uint32_t)(keep >> 32);
	assert_int_equal(syscall(__NR_capset, &head, few), 0);
	for (uint32_t id = 1; id < CATALOG_HELPERS; id++) {
		for (int s = 0; s < 64 && s < n_sites; s++) {
			const struct site *site = &sites[s];
			struct call call = {.site = site, .cand = C_STACK_UNSET, .rest = true};

			if (catalog_helper_contract(id, site->type, site->attach, site->sleepable,
						    &call.h) ||
			    (call.h->flags & HELPER_CAP_PERFMON) || is_configured_out(id))
				continue;
			for (call.arg = 0; call.arg < 5; call.arg++) {
				uint32_t arg = call.h->args[call.arg];
				char text[48];

				if ((arg & ARG_KIND) != ARG_MEM || !try_call(&call) ||
				    says("cannot use helper") || !site_log[0])
					continue;
				snprintf(text, sizeof(text), "invalid read from stack R%d off",
					 call.arg + 1);
				expect_call(&call, "written first", !(arg & ARG_UNINIT),
					    says(text));
				compared++;
			}
		}
	}
	assert_int_equal(syscall(__NR_capset, &head, all), 0);
	print_message("%d uninitialised arguments compared\n", compared);
	assert_int_equal(n_wrong, wrong);
}

/* ---- maps ---------------------------------------------------------------------------- */

static void helpers_and_maps_agree(void **state)
{
	int compared = 0;

	for (uint32_t id = 1; id < CATALOG_HELPERS; id++) {
		for (int s = 0; s < n_sites; s++) {
			const struct site *site = &sites[s];
			struct call call = {.site = site, .cand = C_MAP, .arg = -1, .size = 8};
			uint32_t was;

			if (catalog_helper_contract(id, site->type, site->attach, site->sleepable,
						    &call.h) ||
			    catalog_helper_target(call.h, site->type, site->attach, site->target,
						  site->member))
				continue;
			for (int i = 0; i < 5 && call.arg < 0; i++)
				if (call.h->args[i] == ARG_MAP)
					call.arg = i;
			if (call.arg < 0 || id == BPF_FUNC_tail_call)
				break;
			was = some_map(id)->type;
			call.rest = true;
			for (uint32_t t = 1; t < ARRAY_SIZE(site_maps); t++) {
				int keep = site_maps[was];

				/* Maps without keys and values fail before. */
				if (site_maps[t] < 0)
					continue;
				site_maps[was] = site_maps[t];
				if (!try_call(&call)) {
					site_maps[was] = keep;
					break;
				}
				site_maps[was] = keep;
				if (says("invalid zero-sized") || says(" expected=") ||
				    says("callback function not allowed") ||
				    says("sockmap/sockhash") || says("write into map forbidden"))
					continue;
				compared++;
				if (catalog_map_permits(t, id) == says("cannot pass map_type"))
					fail_msg("%s: bpf_%s of a %s; kernel: %s", site->name,
						 call.h->name, catalog_map_name(t), words());
			}
			break;
		}
	}
	print_message("%d pairs of helpers and maps compared\n", compared);
}

/* Traits that programs notice. */
static void map_traits_agree(void **state)
{
	struct call call = {.site = &sites[0], .cand = C_MAP, .rest = true};
	uint32_t was = some_map(BPF_FUNC_for_each_map_elem)->type;
	int keep = site_maps[was];

	assert_int_equal(catalog_helper_contract(BPF_FUNC_for_each_map_elem, call.site->type, 0,
						 false, &call.h),
			 0);
	for (uint32_t t = 1; t < ARRAY_SIZE(site_maps); t++) {
		const struct map_kind *kind = catalog_map_known(t);
		struct bpf_insn use[] = {LD64(1, BPF_PSEUDO_MAP_FD, site_maps[t], 0), MOV_IMM(0, 0),
					 EXIT()};
		struct bpf_insn direct[] = {LD64(1, BPF_PSEUDO_MAP_VALUE, site_maps[t], 0),
					    MOV_IMM(0, 0), EXIT()};

		if (site_maps[t] < 0)
			continue;
		if (catalog_map_permits(t, BPF_FUNC_for_each_map_elem)) {
			site_maps[was] = site_maps[t];
			assert_true(try_call(&call));
			site_maps[was] = keep;
			expect(&sites[0], kind->name, "for_each", kind->traits & MAP_FOR_EACH,
			       !says("callback function not allowed for map"));
		}
		for (int s = 0; s < n_sites; s++)
			if (sites[s].sleepable) {
				site_load(&sites[s], use, 4, 0, "GPL");
				expect(&sites[s], kind->name, "sleeps",
				       kind->traits & MAP_SLEEPABLE,
				       !says("Sleepable programs can only use"));
			}
		if (t != BPF_MAP_TYPE_ARENA)
			expect(&sites[0], kind->name, "direct", kind->traits & MAP_DIRECT_VALUE,
			       site_load(&sites[0], direct, 4, 0, "GPL") >= 0);
	}
}

static void sockmaps_agree(void **state)
{
	for (int s = 0; s < n_sites; s++) {
		const struct site *site = &sites[s];
		struct call call = {.site = site, .arg = 0, .cand = C_MAP, .rest = true};
		uint32_t id = BPF_FUNC_map_delete_elem;
		int keep = site_maps[BPF_MAP_TYPE_HASH];

		if (site->sleepable ||
		    catalog_helper_contract(id, site->type, site->attach, false, &call.h) ||
		    catalog_helper_target(call.h, site->type, site->attach, site->target,
					  site->member))
			continue;
		site_maps[BPF_MAP_TYPE_HASH] = site_maps[BPF_MAP_TYPE_SOCKMAP];
		try_call(&call);
		site_maps[BPF_MAP_TYPE_HASH] = keep;
		expect(site, "changes a map of sockets", "map_delete_elem",
		       catalog_sockmap_update(site->type, site->attach, id),
		       !says("cannot update sockmap in this context") &&
			       !says("cannot pass map_type"));
	}
}

static void expect_map(const struct map_desc *desc, int *compared)
{
	int ours = catalog_map_create_check(desc), theirs = site_map(desc);

	(*compared)++;
	if (theirs >= 0) {
		close(theirs);
		theirs = 0;
	}
	/* Depends on the kernel's configuration. */
	if (desc->type == BPF_MAP_TYPE_CPUMAP && theirs == -E2BIG)
		return;
	if (ours != theirs && theirs != -ENOMEM)
		fail_msg("%s: key %u, value %u, max %u, flags %#x, extra %#llx: we say %d, kernel "
			 "%d",
			 catalog_map_name(desc->type), desc->key_size, desc->value_size,
			 desc->max_entries, desc->flags, (unsigned long long)desc->extra, ours,
			 theirs);
}

static void creation_agrees(void **state)
{
	static const uint32_t sizes[] = {0,   1,    2,	  4,	 5,	7,	 8,	  12,
					 16,  32,   64,	  256,	 260,	261,	 512,	  513,
					 520, 1016, 1024, 32768, 32769, 1 << 20, 4 << 20, 1u << 31};
	static const uint32_t maxima[] = {0, 1, 2, 3, 4, 100, 4096, 8192, 12288};
	int compared = 0;

	for (uint32_t t = 0; t < ARRAY_SIZE(site_maps) + 3; t++) {
		const struct map_kind *kind = catalog_map_known(t);
		struct map_desc good = {
			.type = t, .key_size = 4, .value_size = 4, .max_entries = 1};
		struct map_desc d;

		if (kind && (kind->traits & MAP_NO_PROG))
			continue; /* BTF of the kernel decides */
		if (!kind) {
			expect_map(&good, &compared);
			continue;
		}
		good.key_size = kind->keys == SIZE_0 ? 0 : kind->keys == SIZE_4 ? 4 : 8;
		good.value_size = kind->values == SIZE_0 ? 0 : kind->values == SIZE_STACK ? 8 : 4;
		good.max_entries = kind->traits & MAP_NO_MAX ? 0
				   : kind->traits & MAP_RING ? 4096
							     : 1;
		good.flags = t == BPF_MAP_TYPE_LPM_TRIE || (kind->traits & MAP_STORAGE)
				     ? BPF_F_NO_PREALLOC
			     : t == BPF_MAP_TYPE_ARENA ? BPF_F_MMAPABLE
						       : 0;
		expect_map(&good, &compared);
		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
			d = good;
			d.key_size = sizes[i];
			expect_map(&d, &compared);
			d = good;
			/* Values of storage are as large as their BTF type. */
			if (!(kind->traits & MAP_STORAGE)) {
				d.value_size = sizes[i];
				expect_map(&d, &compared);
			}
		}
		for (size_t i = 0; i < ARRAY_SIZE(maxima); i++) {
			d = good;
			d.max_entries = maxima[i];
			expect_map(&d, &compared);
		}
		for (uint32_t bit = 0; bit < 32; bit++) {
			d = good;
			d.flags ^= 1u << bit;
			/* Descriptors that come with them. */
			if (bit == 15 || bit == 16)
				continue;
			expect_map(&d, &compared);
		}
		d = good;
		d.flags |= BPF_F_RDONLY | BPF_F_WRONLY;
		expect_map(&d, &compared);
		d = good;
		d.flags |= BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG;
		expect_map(&d, &compared);
		for (uint64_t extra = 1; extra < UINT64_C(1) << 47; extra <<= 1) {
			d = good;
			d.extra = extra;
			expect_map(&d, &compared);
		}
	}
	print_message("%d maps compared\n", compared);
}

static int make(void **state)
{
	char text[64] = "text";
	union bpf_attr attr;
	uint32_t zero = 0;

	if (sites_make())
		return -1;
	writable_fd = kernel_map(BPF_MAP_TYPE_ARRAY, 4, 64, 1, 0);
	text_fd = kernel_map(BPF_MAP_TYPE_ARRAY, 4, 64, 1, BPF_F_RDONLY_PROG);
	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (uint32_t)text_fd;
	attr.key = (uintptr_t)&zero;
	attr.value = (uintptr_t)text;
	if (kernel_bpf(BPF_MAP_UPDATE_ELEM, &attr))
		return -1;
	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (uint32_t)text_fd;
	return kernel_bpf(BPF_MAP_FREEZE, &attr);
}

/* Others have more or fewer of all this. */
static void version_needed(void)
{
	struct utsname name;

	if (uname(&name) || strncmp(name.release, "6.18.", 5)) {
		printf("skipped: contracts are those of Linux 6.18, this is %s\n", name.release);
		exit(77);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(callers_agree),       cmocka_unit_test(kfuncs_agree),
		cmocka_unit_test(kfuncs_are_complete), cmocka_unit_test(arguments_agree),
		cmocka_unit_test(uninitialised_agree), cmocka_unit_test(helpers_and_maps_agree),
		cmocka_unit_test(map_traits_agree),    cmocka_unit_test(sockmaps_agree),
		cmocka_unit_test(creation_agrees),
	};
	kernel_needed();
	version_needed();
	return cmocka_run_group_tests(tests, make, NULL);
}
