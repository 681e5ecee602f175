/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * catalog/progs.c - program types and their contexts: progs.def and contexts.def as tables.
 *
 * One table serves two readers. The engine asks for what it can run, where fields are found
 * in struct visor_packet (catalog_ctx_access); verification asks for any type of the kernel
 * with its expected attach type (catalog_ctx_query). Where the two differ, the engine's row
 * is the first of a byte, and rows of one attach type are never the engine's.
 */
#include <linux/bpf_perf_event.h>
#include <linux/netfilter.h>
#include <linux/pkt_cls.h>

#include "catalog/catalog.h"
#include "visor/packet.h"

#define SIZE_OF(type, member) sizeof(((type *)NULL)->member)

/* ---- contexts ------------------------------------------------------------------------ */

#define ENGINE_FIELD(ctx, member, engine, yield_, access_) \
	{.name = #member,                                  \
	 .off = offsetof(struct ctx, member),              \
	 .size = SIZE_OF(struct ctx, member),              \
	 .access = access_,                                \
	 .unit = SIZE_OF(struct ctx, member) > 8 ? 4 : 0,  \
	 .yield = yield_,                                  \
	 .engine_off = offsetof(struct visor_packet, engine)},

#define RAW(name_, off_, size_, unit_, yield_, access_, attach_) \
	{.name = name_,                                          \
	 .off = off_,                                            \
	 .size = size_,                                          \
	 .access = access_,                                      \
	 .unit = unit_,                                          \
	 .yield = yield_,                                        \
	 .attach = attach_},
#define FIELD(ctx, member, yield, access, attach)                                                 \
	RAW(#member, offsetof(struct ctx, member), SIZE_OF(struct ctx, member), 0, yield, access, \
	    attach)
#define WORDS(ctx, member, access, attach)                                                     \
	RAW(#member, offsetof(struct ctx, member), SIZE_OF(struct ctx, member), 4, CTX_SCALAR, \
	    access, attach)
#define BTF_POINTER(name_, off_, btf_) \
	{.name = name_, .off = off_, .size = 8, .access = CTX_R, .yield = CTX_BTF, .btf = btf_},

static const struct ctx_field fields_xdp[] = {
#define XDP_FIELD(member, engine, yield_, xdp) ENGINE_FIELD(xdp_md, member, engine, yield_, xdp)
#define TABLE_xdp
#include "catalog/contexts.def"
#undef XDP_FIELD
#undef TABLE_xdp
};

#define SKB_FIELD(member, engine, yield_, tc, socket, cgroup, lwt, sk_skb) \
	ENGINE_FIELD(__sk_buff, member, engine, yield_, tc)
static const struct ctx_field fields_tc[] = {
#include "catalog/contexts.def"
};
#undef SKB_FIELD

#define SKB_FIELD(member, engine, yield_, tc, socket, cgroup, lwt, sk_skb) \
	ENGINE_FIELD(__sk_buff, member, engine, yield_, socket)
static const struct ctx_field fields_socket[] = {
#include "catalog/contexts.def"
};
#undef SKB_FIELD

#define SKB_FIELD(member, engine, yield_, tc, socket, cgroup, lwt, sk_skb) \
	ENGINE_FIELD(__sk_buff, member, engine, yield_, lwt)
static const struct ctx_field fields_lwt[] = {
#include "catalog/contexts.def"
};
#undef SKB_FIELD

#define TABLE_skb_addresses
#define TABLE_cgroup_skb
#define SKB_FIELD(member, engine, yield_, tc, socket, cgroup, lwt, sk_skb) \
	ENGINE_FIELD(__sk_buff, member, engine, yield_, cgroup)
static const struct ctx_field fields_cgroup_skb[] = {
#include "catalog/contexts.def"
};
#undef SKB_FIELD
#undef TABLE_cgroup_skb

#define SKB_FIELD(member, engine, yield_, tc, socket, cgroup, lwt, sk_skb) \
	ENGINE_FIELD(__sk_buff, member, engine, yield_, sk_skb)
static const struct ctx_field fields_sk_skb[] = {
#include "catalog/contexts.def"
};
#undef SKB_FIELD
#undef TABLE_skb_addresses

#define TABLE_sock_old
#define SOCK_FIELD(member, unit, cgroup, attach, common, full)                                  \
	RAW(#member, offsetof(struct bpf_sock, member), SIZE_OF(struct bpf_sock, member), unit, \
	    CTX_SCALAR, cgroup, attach)
static const struct ctx_field fields_cgroup_sock[] = {
#include "catalog/contexts.def"
};
#undef SOCK_FIELD

#define SOCK_FIELD(member, unit, cgroup, attach, common, full)                                  \
	RAW(#member, offsetof(struct bpf_sock, member), SIZE_OF(struct bpf_sock, member), unit, \
	    CTX_SCALAR, common, 0)
static const struct ctx_field fields_sock_common[] = {
#include "catalog/contexts.def"
};
#undef SOCK_FIELD

#define SOCK_FIELD(member, unit, cgroup, attach, common, full)                                  \
	RAW(#member, offsetof(struct bpf_sock, member), SIZE_OF(struct bpf_sock, member), unit, \
	    CTX_SCALAR, full, 0)
static const struct ctx_field fields_socket_full[] = {
#include "catalog/contexts.def"
};
#undef SOCK_FIELD
#undef TABLE_sock_old

static const struct ctx_field fields_flow[] = {
#define TABLE_flow
#include "catalog/contexts.def"
#undef TABLE_flow
};

static const struct ctx_field fields_perf_event[] = {
#define TABLE_perf_event
#include "catalog/contexts.def"
#undef TABLE_perf_event
};

static const struct ctx_field fields_tcp_sock[] = {
#define TABLE_tcp_sock
#include "catalog/contexts.def"
#undef TABLE_tcp_sock
};

static const struct ctx_field fields_xdp_sock[] = {
#define TABLE_xdp_sock
#include "catalog/contexts.def"
#undef TABLE_xdp_sock
};

static const struct ctx_field fields_sock_ops[] = {
#define TABLE_sock_ops
#include "catalog/contexts.def"
#undef TABLE_sock_ops
};

static const struct ctx_field fields_cgroup_device[] = {
#define TABLE_cgroup_device
#include "catalog/contexts.def"
#undef TABLE_cgroup_device
};

static const struct ctx_field fields_sk_msg[] = {
#define TABLE_sk_msg
#include "catalog/contexts.def"
#undef TABLE_sk_msg
};

static const struct ctx_field fields_sock_addr[] = {
#define TABLE_sock_addr
#include "catalog/contexts.def"
#undef TABLE_sock_addr
};

static const struct ctx_field fields_sk_reuseport[] = {
#define TABLE_sk_reuseport
#include "catalog/contexts.def"
#undef TABLE_sk_reuseport
};

static const struct ctx_field fields_sysctl[] = {
#define TABLE_sysctl
#include "catalog/contexts.def"
#undef TABLE_sysctl
};

static const struct ctx_field fields_sockopt[] = {
#define TABLE_sockopt
#include "catalog/contexts.def"
#undef TABLE_sockopt
};

static const struct ctx_field fields_sk_lookup[] = {
#define TABLE_sk_lookup
#include "catalog/contexts.def"
#undef TABLE_sk_lookup
};

static const struct ctx_field fields_raw_writable[] = {
#define TABLE_raw_writable
#include "catalog/contexts.def"
#undef TABLE_raw_writable
};

static const struct ctx_field fields_lirc_mode2[] = {
#define TABLE_lirc_mode2
#include "catalog/contexts.def"
#undef TABLE_lirc_mode2
};

static const struct ctx_field fields_netfilter[] = {
#define TABLE_netfilter
#include "catalog/contexts.def"
#undef TABLE_netfilter
};

/* A part of a number is read in place, so the engine must keep it in the UAPI's width. */
#define XDP_FIELD(member, engine, yield_, xdp)                                               \
	_Static_assert(yield_ != CTX_SCALAR || SIZE_OF(struct xdp_md, member) ==             \
						       SIZE_OF(struct visor_packet, engine), \
		       "width of xdp_md." #member);
#define SKB_FIELD(member, engine, yield_, tc, socket, cgroup, lwt, sk_skb)   \
	_Static_assert((yield_ != CTX_SCALAR && yield_ != CTX_NULL) ||       \
			       SIZE_OF(struct __sk_buff, member) ==          \
				       SIZE_OF(struct visor_packet, engine), \
		       "width of __sk_buff." #member);
#include "catalog/contexts.def"
#undef XDP_FIELD
#undef SKB_FIELD

/* struct pt_regs of Linux 6.18, which the UAPI shows in part or not at all. */
#if defined(__aarch64__)
#define CTX_REGS_SIZE 320
#else
#define CTX_REGS_SIZE 168
#endif
#define CTX_TRACE_SIZE 8192 /* largest record of a tracepoint */
#define CTX_MAX_ARGS   12   /* of a function or tracepoint */

#define CTX_NAMED(table, name) \
	.fields = fields_##table, .n_fields = ARRAY_SIZE(fields_##table), .ctx_name = name
#define CTX_OF(table, struct_) CTX_NAMED(table, #struct_), .ctx_size = sizeof(struct struct_)
#define CTX_RUNS(table, struct_) \
	CTX_OF(table, struct_), .engine_size = sizeof(struct visor_packet), .packet = true

#define CTX_xdp		   CTX_RUNS(xdp, xdp_md)
#define CTX_tc		   CTX_RUNS(tc, __sk_buff)
#define CTX_socket	   CTX_RUNS(socket, __sk_buff)
#define CTX_cgroup_skb	   CTX_OF(cgroup_skb, __sk_buff)
#define CTX_lwt		   CTX_OF(lwt, __sk_buff)
#define CTX_sk_skb	   CTX_OF(sk_skb, __sk_buff)
#define CTX_flow	   CTX_OF(flow, __sk_buff)
#define CTX_cgroup_sock	   CTX_OF(cgroup_sock, bpf_sock)
#define CTX_sock_addr	   CTX_OF(sock_addr, bpf_sock_addr)
#define CTX_sock_ops	   CTX_NAMED(sock_ops, "bpf_sock_ops"), .ctx_size = 224
#define CTX_cgroup_device  CTX_OF(cgroup_device, bpf_cgroup_dev_ctx)
#define CTX_sk_msg	   CTX_OF(sk_msg, sk_msg_md)
#define CTX_sk_reuseport   CTX_OF(sk_reuseport, sk_reuseport_md)
#define CTX_sysctl	   CTX_OF(sysctl, bpf_sysctl)
#define CTX_sockopt	   CTX_OF(sockopt, bpf_sockopt)
#define CTX_sk_lookup	   CTX_OF(sk_lookup, bpf_sk_lookup)
#define CTX_perf_event	   CTX_OF(perf_event, bpf_perf_event_data)
#define CTX_netfilter	   CTX_NAMED(netfilter, "bpf_nf_ctx"), .ctx_size = 16
#define CTX_lirc_mode2	   CTX_NAMED(lirc_mode2, "__u32"), .ctx_size = 4
#define CTX_raw_writable   CTX_NAMED(raw_writable, "bpf_raw_tracepoint_args"), CTX_ARGS
#define CTX_ARGS	   .ctx_kind = CTX_IS_RAW_ARGS, .ctx_size = 8 * CTX_MAX_ARGS
#define CTX_raw_tracepoint .ctx_name = "bpf_raw_tracepoint_args", CTX_ARGS
#define CTX_kprobe \
	.ctx_name = "bpf_user_pt_regs_t", .ctx_kind = CTX_IS_BYTES, .ctx_size = CTX_REGS_SIZE
#define CTX_tracepoint \
	.ctx_name = "__u64", .ctx_kind = CTX_IS_BYTES, .ctx_from = 8, .ctx_size = CTX_TRACE_SIZE
#define CTX_btf	    .ctx_kind = CTX_IS_BTF_ARGS, .ctx_size = 8 * CTX_MAX_ARGS
#define CTX_syscall .ctx_kind = CTX_IS_MEMORY, .ctx_size = UINT16_MAX

/* ---- types --------------------------------------------------------------------------- */

#define SEC(name, attach, flags)           \
	{                                  \
		name, attach, flags, false \
	}
#define SEC_OF(name, attach, flags)       \
	{                                 \
		name, attach, flags, true \
	}
#define PROG(id, name_, set, ctx, flags, attach, ...) \
	static const struct prog_section sections_##name_[] = {__VA_ARGS__, {.name = NULL}};
#include "catalog/progs.def"
#undef PROG

static const struct prog_type progs[] = {
#define PROG(id, name_, set_, ctx, flags_, attach_, ...)     \
	[BPF_PROG_TYPE_##id] = {                             \
		.name = #name_,                              \
		.type = BPF_PROG_TYPE_##id,                  \
		.set = set_,                                 \
		.sections = sections_##name_,                \
		.ret_min = INT64_MIN,                        \
		.ret_max = INT64_MAX,                        \
		.direct_write = !!((flags_)&PROG_PKT_WRITE), \
		.flags = flags_,                             \
		.attach = attach_,                           \
		CTX_##ctx,                                   \
	},
#include "catalog/progs.def"
#undef PROG
};

const struct prog_type *catalog_prog_known(uint32_t type)
{
	return type < ARRAY_SIZE(progs) && progs[type].name ? &progs[type] : NULL;
}

const struct prog_type *catalog_prog(uint32_t type)
{
	const struct prog_type *t = catalog_prog_known(type);

	return t && t->engine_size ? t : NULL;
}

const struct prog_type *catalog_prog_known_by_name(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(progs); i++)
		if (progs[i].name && !strcmp(progs[i].name, name))
			return &progs[i];
	return NULL;
}

const struct prog_type *catalog_prog_by_name(const char *name)
{
	const struct prog_type *t = catalog_prog_known_by_name(name);

	return t && t->engine_size ? t : NULL;
}

static bool prog_section_matches(const struct prog_section *s, const char *name)
{
	size_t len = strlen(s->name);

	return !strncmp(s->name, name, len) && (!name[len] || (s->target && name[len] == '/'));
}

const struct prog_section *catalog_section(const char *name, const struct prog_type **type)
{
	for (size_t i = 0; i < ARRAY_SIZE(progs); i++) {
		const struct prog_section *s = progs[i].sections;

		for (; s && s->name; s++) {
			if (!prog_section_matches(s, name))
				continue;
			*type = &progs[i];
			return s;
		}
	}
	return NULL;
}

/* ---- accesses to contexts ------------------------------------------------------------ */

const struct ctx_field *catalog_ctx_field(const struct prog_type *type, uint32_t off, uint32_t size)
{
	for (uint32_t i = 0; i < type->n_fields; i++) {
		const struct ctx_field *f = &type->fields[i];

		if (off >= f->off && (uint64_t)off + size <= (uint32_t)f->off + f->size)
			return f;
	}
	return NULL;
}

static bool prog_size_is_legal(uint32_t off, uint32_t size)
{
	return size && !(size & (size - 1)) && size <= 8 && !(off % size);
}

static uint32_t field_unit(const struct ctx_field *f)
{
	return f->unit ? f->unit : f->size;
}

/* Whether a field that contains the (aligned) access permits it. */
static bool field_permits(const struct ctx_field *f, uint32_t off, uint32_t size, bool write)
{
	uint32_t unit = field_unit(f), parts = 0;

	if (!(f->access & (write ? CTX_W : CTX_R)))
		return false;
	if (size == unit)
		return !((off - f->off) % unit);
	if (size > unit)
		return f->access & (write ? CTX_W_WIDE : CTX_R_WIDE);
	parts |= write ? CTX_W_PART : CTX_R_PART;
	if (!write && !((off - f->off) % unit))
		parts |= CTX_R_HEAD;
	if (!write && size * 2 == unit)
		parts |= CTX_R_HALF;
	return f->access & parts;
}

/* The first of n fields that permits the access. */
static const struct ctx_field *fields_find(const struct ctx_field *f, size_t n,
					   const struct ctx_query *q)
{
	for (; n--; f++) {
		if (q->off < f->off || q->off + q->size > (uint32_t)f->off + f->size)
			continue;
		if (f->attach && (q->attach_type >= 64 || !(f->attach >> q->attach_type & 1)))
			continue;
		if (f->access & CTX_CAP_BPF && q->unprivileged)
			continue;
		if (f->yield != CTX_SCALAR && q->sign_extend)
			continue;
		if (field_permits(f, q->off, q->size, q->write))
			return f;
	}
	return NULL;
}

const struct ctx_field *catalog_ctx_access(const struct prog_type *type, uint32_t off,
					   uint32_t size, bool write)
{
	const struct ctx_field *f;

	if (!prog_size_is_legal(off, size))
		return NULL;
	f = catalog_ctx_field(type, off, size);
	return f && !f->attach && field_permits(f, off, size, write) ? f : NULL;
}

static uint32_t field_kernel_size(const struct ctx_field *f)
{
	return f->access & CTX_IN_1 ? 1 : f->access & CTX_IN_2 ? 2 : field_unit(f);
}

bool catalog_ctx_native(const struct prog_type *type, uint32_t off, uint32_t size, bool write,
			int32_t *shift, bool *pointer)
{
	const struct ctx_field *f = catalog_ctx_access(type, off, size, write);

	if (!f)
		return false;
	*shift = f->engine_off - f->off;
	if (size < field_unit(f) && !write && size >= field_kernel_size(f))
		*shift -= (int32_t)(off - f->off);
	*pointer = f->yield == CTX_PKT || f->yield == CTX_PKT_META || f->yield == CTX_PKT_END;
	/* The UAPI shows 4 bytes of these; nothing narrower becomes an address. */
	return !*pointer || size >= 4;
}

/* Contexts without fields, and those arguments of raw tracepoints that no field replaces. */
static int query_bytes(const struct prog_type *type, const struct ctx_query *q,
		       struct ctx_answer *out)
{
	bool below = type->flags & PROG_NEG_CTX && (int32_t)q->off < 0;

	if (q->write && type->ctx_kind != CTX_IS_MEMORY)
		return -EACCES;
	if (!below && (q->off < type->ctx_from || q->off >= type->ctx_size))
		return -EACCES;
	out->yield = CTX_SCALAR;
	out->field_size = (uint8_t)q->size;
	return 0;
}

int catalog_ctx_query(const struct prog_type *type, const struct ctx_query *query,
		      struct ctx_answer *out)
{
	struct ctx_query q = *query;
	const struct ctx_field *f;
	bool fields = type->ctx_kind == CTX_IS_FIELDS;

	memset(out, 0, sizeof(*out));
	if (!prog_size_is_legal(q.off, q.size) || type->ctx_kind == CTX_IS_BTF_ARGS)
		return -EACCES;
	/* A custom type without fields has plain memory. */
	if (fields && !type->n_fields) {
		if ((uint64_t)q.off + q.size > type->ctx_size)
			return -EACCES;
		out->field_size = (uint8_t)q.size;
		return 0;
	}
	if (q.off >= type->ctx_size)
		return fields ? -EACCES : query_bytes(type, &q, out);
	q.attach_type = catalog_attach_fixup(type->type, q.attach_type);
	f = fields_find(type->fields, type->n_fields, &q);
	if (!f && fields)
		return -EACCES;
	if (!f && type->n_fields && q.off == type->fields[0].off)
		return -EACCES;
	if (!f)
		return query_bytes(type, &q, out);
	/* To the engine sockets are always NULL, to verification they may exist. */
	out->yield = f->yield == CTX_NULL ? CTX_SOCK_COMMON_OR_NULL : f->yield;
	out->field_size = (uint8_t)field_unit(f);
	out->btf = f->btf;
	out->field = f;
	return 0;
}

int catalog_object_access(enum ctx_yield kind, uint32_t off, uint32_t size, bool write,
			  const struct ctx_field **field)
{
	static const struct {
		const struct ctx_field *fields;
		size_t n;
	} objects[] = {
		[CTX_SOCK_COMMON] = {fields_sock_common, ARRAY_SIZE(fields_sock_common)},
		[CTX_SOCKET] = {fields_socket_full, ARRAY_SIZE(fields_socket_full)},
		[CTX_TCP_SOCK] = {fields_tcp_sock, ARRAY_SIZE(fields_tcp_sock)},
		[CTX_XDP_SOCK] = {fields_xdp_sock, ARRAY_SIZE(fields_xdp_sock)},
	};
	struct ctx_query q = {.off = off, .size = size, .write = write};

	*field = NULL;
	if (kind == CTX_FLOW_KEYS) /* memory: unaligned accesses are fine, too */
		return (uint64_t)off + size <= sizeof(struct bpf_flow_keys) ? 0 : -EACCES;
	if (kind == CTX_TP_BUFFER)
		return (int32_t)off >= 0 ? 0 : -EACCES;
	if (kind >= ARRAY_SIZE(objects) || !prog_size_is_legal(off, size) || off > UINT16_MAX)
		return -EACCES;
	*field = fields_find(objects[kind].fields, objects[kind].n, &q);
	return *field ? 0 : -EACCES;
}

/* ---- rules --------------------------------------------------------------------------- */

uint32_t catalog_attach_fixup(uint32_t type, uint32_t attach_type)
{
	static const struct {
		uint32_t type, attach_type;
	} fixups[] = {
#define FIXUP(id, attach) {BPF_PROG_TYPE_##id, BPF_##attach},
#include "catalog/progs.def"
#undef FIXUP
	};

	for (size_t i = 0; !attach_type && i < ARRAY_SIZE(fixups); i++)
		if (fixups[i].type == type)
			return fixups[i].attach_type;
	return attach_type;
}

int catalog_attach_check(uint32_t type, uint32_t attach_type)
{
	const struct prog_type *t = catalog_prog_known(type);
	uint32_t attach = catalog_attach_fixup(type, attach_type);

	if (!t)
		return -EINVAL;
	return !t->attach || (attach < 64 && t->attach >> attach & 1) ? 0 : -EINVAL;
}

const char *catalog_attach_name(uint32_t attach_type)
{
	static const char *const names[] = {
#define ATTACH(id, name) [BPF_##id] = #name,
#include "catalog/progs.def"
#undef ATTACH
	};

	_Static_assert(ARRAY_SIZE(names) == VISOR_MAX_ATTACH_TYPE, "all attach types have names");
	return attach_type < ARRAY_SIZE(names) ? names[attach_type] : NULL;
}

bool catalog_return_range(const struct prog_type *type, uint32_t attach_type, int64_t *min,
			  int64_t *max)
{
	static const struct {
		uint32_t type;
		uint64_t attach;
		int8_t min, max;
	} rows[] = {
#define RETURNS(id, attach, min, max) {BPF_PROG_TYPE_##id, attach, min, max},
#include "catalog/progs.def"
#undef RETURNS
	};
	uint32_t attach = catalog_attach_fixup(type->type, attach_type);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (rows[i].type != type->type)
			continue;
		if (rows[i].attach && (attach >= 64 || !(rows[i].attach >> attach & 1)))
			continue;
		*min = rows[i].min;
		*max = rows[i].max;
		return true;
	}
	*min = type->ret_min;
	*max = type->ret_max;
	return *min != INT64_MIN || *max != INT64_MAX;
}

bool catalog_prog_can_sleep(const struct prog_type *type, uint32_t attach_type)
{
	static const uint64_t tracing =
		A_(TRACE_FENTRY) | A_(TRACE_FEXIT) | A_(MODIFY_RETURN) | A_(TRACE_ITER);

	if (type->type == BPF_PROG_TYPE_TRACING)
		return attach_type < 64 && tracing >> attach_type & 1;
	return type->flags & PROG_SLEEPS;
}

bool catalog_packet_access(const struct prog_type *type, bool write)
{
	return type->flags & (write ? PROG_PKT_WRITE : PROG_PKT_READ);
}

const char *catalog_verdict(uint32_t prog_type, uint32_t value)
{
	static const struct {
		const char *name;
		uint64_t set;
		uint32_t value;
	} verdicts[] = {
#define VERDICT(set, name) {#name, set, (uint32_t)name},
#include "catalog/progs.def"
#undef VERDICT
	};
	const struct prog_type *type = catalog_prog_known(prog_type);

	for (size_t i = 0; type && i < ARRAY_SIZE(verdicts); i++)
		if ((verdicts[i].set & type->set) && verdicts[i].value == value)
			return verdicts[i].name;
	return NULL;
}
