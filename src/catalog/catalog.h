/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * catalog/catalog.h - which helpers, map types and program types exist, and their contracts.
 *
 * X-macro tables (helpers.def, maps.def, progs.def, contexts.def) expanded into constant
 * descriptions. This layer knows names, types and rules, never an implementation.
 * Everything here is constant and may be read from any thread, except the registration
 * of a custom program type (see struct prog_type), which its owner keeps alive.
 */
#ifndef CATALOG_CATALOG_H
#define CATALOG_CATALOG_H

#include "base/util.h"
#include "visor/uapi.h"

/* ---- program types ------------------------------------------------------------------- */

/* Sets of program types: one bit for each enum bpf_prog_type, and one for an embedder's own. */
#define P_(id)	 (UINT64_C(1) << BPF_PROG_TYPE_##id)
#define P_XDP	 P_(XDP)
#define P_TC	 (P_(SCHED_CLS) | P_(SCHED_ACT))
#define P_SOCKET P_(SOCKET_FILTER)
#define P_CUSTOM (UINT64_C(1) << 63) /* registered by an embedder */
#define P_SKB	 (P_TC | P_SOCKET)
#define P_LWT	 (P_(LWT_IN) | P_(LWT_OUT) | P_(LWT_XMIT) | P_(LWT_SEG6LOCAL))
#define P_PACKET (P_XDP | P_SKB)
#define P_ANY	 (P_PACKET | P_CUSTOM)

/* Sets of expected attach types: one bit for each enum bpf_attach_type. */
#define A_(id) (UINT64_C(1) << BPF_##id)

/* What reading a context field yields. */
enum ctx_yield {
	CTX_SCALAR,   /* a number of the field's size */
	CTX_PKT,      /* start of the packet's bytes */
	CTX_PKT_META, /* start of the metadata in front of the packet */
	CTX_PKT_END,  /* end of the packet's bytes */
	CTX_NULL,     /* a pointer that is always NULL here, read as the constant 0 (sockets) */
	CTX_POINTER,  /* custom types: pointer to `region` readable and writable bytes */
	/* Pointers that only verification knows; the engine yields no such context. */
	CTX_SOCK_COMMON, /* struct bpf_sock of any kind (kernel: sock_common) */
	CTX_SOCK_COMMON_OR_NULL,
	CTX_SOCKET, /* full socket */
	CTX_SOCKET_OR_NULL,
	CTX_TCP_SOCK_OR_NULL,
	CTX_FLOW_KEYS, /* struct bpf_flow_keys */
	CTX_BTF,       /* trusted pointer to the kernel's struct `btf` */
	CTX_BTF_OR_NULL,
	CTX_READ_ONLY_BUF, /* bpf_iter: buffer of limited size */
	CTX_TCP_SOCK,	   /* struct bpf_tcp_sock */
	CTX_XDP_SOCK,	   /* struct bpf_xdp_sock */
	CTX_TP_BUFFER,	   /* raw_tracepoint_writable: the tracepoint's own buffer */
};

/*
 * How a field may be accessed. A field is one unit or an array of units; "whole" is one unit,
 * and a part is a naturally aligned piece of a unit of 1, 2 or 4 bytes. 0 is a field that is
 * known but out of reach.
 */
enum ctx_access {
	CTX_R = 1, /* units are read */
	CTX_W = 2, /* units are written */
	CTX_RW = CTX_R | CTX_W,
	CTX_R_PART = 4,	   /* parts may be read, too */
	CTX_W_PART = 8,	   /* parts may be written, too */
	CTX_R_WIDE = 16,   /* two units of 4 bytes may be read at once */
	CTX_W_WIDE = 32,   /* two units of 4 bytes may be written at once */
	CTX_R_HEAD = 64,   /* parts may be read, but only those at the start of a unit */
	CTX_R_HALF = 128,  /* halves may be read */
	CTX_CAP_BPF = 256, /* not for unprivileged programs */
	/* The kernel has one byte, or two, for the field. Only a part that is less is looked for
	 * where it is in the UAPI's field; any other one is the value, wherever it is read. */
	CTX_IN_1 = 512,
	CTX_IN_2 = 1024,
};

/*
 * One field of a context as programs see it (the UAPI layout), and where the engine keeps
 * it. A pointer field is 4 bytes in the UAPI but a full pointer in the engine, therefore
 * two offsets: the access is rewritten (or translated at run time in checked mode).
 */
struct ctx_field {
	const char *name;
	uint16_t off, size;  /* UAPI layout */
	uint16_t access;     /* enum ctx_access */
	uint8_t unit;	     /* bytes of a unit; 0: the field is one */
	uint8_t yield;	     /* enum ctx_yield */
	uint16_t engine_off; /* in the object that r1 points to when the program runs */
	uint16_t region;     /* CTX_POINTER: bytes behind the pointer */
	const char *btf;     /* CTX_BTF: the struct's name */
	uint64_t attach;     /* not 0: only for these expected attach types, one bit each */
};

/* What the context of a type is. */
enum ctx_kind {
	CTX_IS_FIELDS,	 /* a struct of the UAPI: `fields` */
	CTX_IS_BTF_ARGS, /* u64[], each an argument of the function that the program attaches to,
			  * typed by BTF (tracing, lsm, struct_ops) */
	CTX_IS_RAW_ARGS, /* u64[] of numbers: raw_tracepoint; a field replaces its argument */
	CTX_IS_BYTES,	 /* bytes from ctx_from to ctx_size are read (tracepoint, kprobe) */
	CTX_IS_MEMORY,	 /* readable and writable memory of the caller's size: syscall */
};

/* A name that libbpf knows for SEC(), and what it stands for. */
struct prog_section {
	const char *name;     /* "kprobe"; NULL ends a list */
	uint32_t attach_type; /* expected attach type */
	uint32_t flags;	      /* of BPF_PROG_LOAD: sleepable (".s"), with fragments */
	bool target;	      /* may be followed by "/" and what to attach to */
};

enum prog_flag {
	PROG_UNPRIV = 1,      /* may be loaded without any capability */
	PROG_NET_ADMIN = 2,   /* needs CAP_NET_ADMIN on top of CAP_BPF */
	PROG_PERFMON = 4,     /* needs CAP_PERFMON on top of CAP_BPF */
	PROG_PKT_READ = 8,    /* packet bytes may be given to helpers */
	PROG_PKT_WRITE = 16,  /* packet bytes may be written directly */
	PROG_SLEEPS = 32,     /* may be sleepable (tracing: with some attach types) */
	PROG_MUST_SLEEP = 64, /* is only loaded as sleepable */
	PROG_GPL = 128,	      /* is only loaded with a GPL-compatible licence */
	PROG_NEG_CTX = 256, /* negative offsets of the context pass: the kernel compares unsigned */
	PROG_TARGET = 512,  /* attaches to a function or type of BTF (attach_btf_id) */
	PROG_PKT_ANY = 1024, /* packet bytes are fine for helpers without HELPER_PKT_DATA, too */
};

struct prog_type {
	const char *name;     /* "xdp" */
	uint32_t type;	      /* enum bpf_prog_type, or >= VISOR_PROG_CUSTOM */
	uint64_t set;	      /* its P_ bit */
	uint32_t ctx_size;    /* bytes of the UAPI context */
	uint32_t engine_size; /* bytes of the engine's context; 0: the engine cannot run it */
	const struct prog_section *sections; /* libbpf's SEC() names */
	const struct ctx_field *fields;
	uint32_t n_fields;
	/* Range of legal return values of a custom type; else: catalog_return_range(). */
	int64_t ret_min, ret_max;
	bool packet;	   /* the context is a struct visor_packet */
	bool direct_write; /* packet bytes may be written directly */
	uint8_t ctx_kind;  /* enum ctx_kind */
	uint8_t ctx_from;  /* CTX_IS_BYTES: first byte within reach */
	uint16_t flags;	   /* enum prog_flag */
	uint64_t attach;   /* expected attach types that it is loaded with, one bit each; 0: any */
	const char *ctx_name; /* BTF name of the context's type ("__sk_buff"), or NULL */
	const void *owner;    /* custom types: the engine they were registered with */
};

/* The type that the engine can run, or NULL. Custom types are looked up by their engine. */
const struct prog_type *catalog_prog(uint32_t type);
/* Any type the kernel has, for verification alone (engine_size 0 where it cannot run). */
const struct prog_type *catalog_prog_known(uint32_t type);
/* A type that the engine can run. */
const struct prog_type *catalog_prog_by_name(const char *name);
/* Any type the kernel has. */
const struct prog_type *catalog_prog_known_by_name(const char *name);

/* The type and meaning of a section's name, matched as libbpf does, or NULL. */
const struct prog_section *catalog_section(const char *name, const struct prog_type **type);

/* The field that [off, off + size) lies in, or NULL if it is in none. */
const struct ctx_field *catalog_ctx_field(const struct prog_type *type, uint32_t off,
					  uint32_t size);

/* The field that programs of this type may read (or write) by [off, off + size), or NULL if
 * the kernel would refuse the access. Byte `off - field->off` of a number is at the same
 * place in the engine's copy; pointers are only accessed as a whole. */
const struct ctx_field *catalog_ctx_access(const struct prog_type *type, uint32_t off,
					   uint32_t size, bool write);

/* Where that access goes in the object that r1 points to in the engine: *shift is what has to be
 * added to its offset. *pointer: the register gets an address of 8 bytes, whatever the size. False
 * if the access is refused. */
bool catalog_ctx_native(const struct prog_type *type, uint32_t off, uint32_t size, bool write,
			int32_t *shift, bool *pointer);

/*
 * The verdict of verification on one access to a context of any kind but CTX_IS_BTF_ARGS, with
 * everything the kernel looks at: expected attach type, sign extension. Negative offsets are
 * given as int32_t. 0 with *out filled (without a field for kinds without fields: yield
 * CTX_SCALAR), or -EACCES.
 */
struct ctx_query {
	uint32_t attach_type;
	uint32_t off, size;
	bool write, sign_extend;
	bool unprivileged; /* the program's loader lacks CAP_BPF */
};
struct ctx_answer {
	uint8_t yield;	    /* enum ctx_yield */
	uint8_t field_size; /* the whole field (unit); an access of less is a narrow load */
	const char *btf;    /* CTX_BTF */
	const struct ctx_field *field; /* or NULL */
};
int catalog_ctx_query(const struct prog_type *type, const struct ctx_query *q,
		      struct ctx_answer *out);

/*
 * The same for memory behind a pointer that a context or a helper yielded: `kind` is
 * CTX_SOCK_COMMON, CTX_SOCKET, CTX_TCP_SOCK, CTX_XDP_SOCK, CTX_FLOW_KEYS or CTX_TP_BUFFER
 * (bounds of which are only known when it is attached). *field may be NULL for the last two.
 */
int catalog_object_access(enum ctx_yield kind, uint32_t off, uint32_t size, bool write,
			  const struct ctx_field **field);

/* What the kernel demands of the return value of a program (not lsm, struct_ops: those depend
 * on their target). False: anything. */
bool catalog_return_range(const struct prog_type *type, uint32_t attach_type, int64_t *min,
			  int64_t *max);

/* The expected attach type that the kernel takes where old programs gave none. */
uint32_t catalog_attach_fixup(uint32_t type, uint32_t attach_type);
/* The kernel's bpf_prog_load_check_attach: 0 or -EINVAL for a type and expected attach type. */
int catalog_attach_check(uint32_t type, uint32_t attach_type);
/* The UAPI's name of an attach type ("cgroup_inet_ingress"), or NULL. */
const char *catalog_attach_name(uint32_t attach_type);
/* True if programs of that type may be sleepable; PROG_MUST_SLEEP says which must. */
bool catalog_prog_can_sleep(const struct prog_type *type, uint32_t attach_type);
/* True if packet bytes may be written directly, or (read) given to helpers: the kernel's
 * may_access_direct_pkt_data. Direct reads depend on nothing but having a packet pointer. */
bool catalog_packet_access(const struct prog_type *type, bool write);

/* Name of a return value of this type ("XDP_DROP"), or NULL. */
const char *catalog_verdict(uint32_t prog_type, uint32_t value);

/* ---- helpers ------------------------------------------------------------------------- */

/*
 * An argument: a kind, and modifiers. The length of a MEM argument is the next argument
 * (SIZE or SIZE0) unless it is FIXED, when helper->size[] has it.
 */
enum helper_arg {
	ARG_NONE,
	ARG_ANY,	/* any initialised value */
	ARG_MAP,	/* a map */
	ARG_MAP_KEY,	/* readable memory of the map's key size */
	ARG_MAP_VALUE,	/* readable memory of the map's value size */
	ARG_CTX,	/* the context */
	ARG_MEM,	/* memory */
	ARG_SIZE,	/* length, 1.. */
	ARG_SIZE0,	/* length, 0.. */
	ARG_ALLOC_SIZE, /* constant: bytes of the memory returned */
	ARG_ALLOC_MEM,	/* ring buffer record, released by this call */
	ARG_CONST_STR,	/* NUL-terminated text in a map value that nobody can change any more */
	ARG_FUNC,	/* a callback: address of a static function */
	ARG_STACK,	/* the callback's context: pointer into the stack */
	ARG_SPIN_LOCK,
	ARG_TIMER,
	ARG_SOCK_COMMON,     /* struct sock_common or more */
	ARG_SOCKET,	     /* struct bpf_sock, full */
	ARG_BTF,	     /* pointer to kernel struct helper->btf[i] */
	ARG_BTF_SOCK_COMMON, /* socket pointer, UAPI or BTF, that is at least a sock_common */
	ARG_PERCPU_BTF,	     /* pointer to a per-CPU kernel variable */
	ARG_KPTR_DEST,	     /* bpf_kptr_xchg: the slot */
	ARG_DYNPTR,
	ARG_KIND = 0xff,

	/* Modifiers. */
	ARG_NULL = 0x100,   /* or NULL */
	ARG_UNINIT = 0x200, /* written by the helper; need not be initialised */
	ARG_WRITE = 0x400,  /* written by the helper (and may be read) */
	ARG_FIXED = 0x800,  /* size in helper->size[i] */
	ARG_ALIGNED = 0x1000,
	ARG_RELEASE = 0x2000,	 /* the reference is released by this call */
	ARG_RDONLY = 0x4000,	 /* read-only memory is fine (dynptrs: not written) */
	ARG_DYN_LOCAL = 0x10000, /* which dynptr */
	ARG_DYN_RINGBUF = 0x20000,
	ARG_DYN_SKB = 0x40000,
	ARG_DYN_XDP = 0x80000,

	/* Combinations with a name. */
	ARG_UNINIT_MAP_VALUE = ARG_MAP_VALUE | ARG_UNINIT | ARG_WRITE,
	ARG_MAP_VALUE_OR_NULL = ARG_MAP_VALUE | ARG_NULL,
	ARG_MEM_OR_NULL = ARG_MEM | ARG_NULL,
	ARG_UNINIT_MEM = ARG_MEM | ARG_UNINIT | ARG_WRITE,
	ARG_WRITE_MEM_OR_NULL = ARG_MEM | ARG_WRITE | ARG_NULL,
	ARG_UNINIT_U64 = ARG_UNINIT_MEM | ARG_FIXED | ARG_ALIGNED, /* size[i] = 8 */
	ARG_STACK_OR_NULL = ARG_STACK | ARG_NULL,
	ARG_BTF_OR_NULL = ARG_BTF | ARG_NULL,
	ARG_RO_MEM = ARG_MEM | ARG_RDONLY,
	ARG_RO_MEM_OR_NULL = ARG_RO_MEM | ARG_NULL,
};

enum helper_ret {
	RET_INTEGER,
	RET_VOID,
	RET_MAP_VALUE,
	RET_SOCKET,
	RET_TCP_SOCK,
	RET_SOCK_COMMON,
	RET_ALLOC_MEM,	/* memory of ARG_ALLOC_SIZE bytes (ring buffer), must be released */
	RET_DYNPTR_MEM, /* slice of a dynptr, of constant size */
	RET_MEM_OR_BTF, /* per_cpu_ptr, this_cpu_ptr: by the variable's type */
	RET_BTF,	/* kernel struct helper->ret_btf */
	RET_BTF_TRUSTED,
	RET_KPTR, /* bpf_kptr_xchg: what the slot held */
	RET_KIND = 0x7f,
	RET_NULL = 0x80, /* or NULL */
	RET_MAP_VALUE_OR_NULL = RET_MAP_VALUE | RET_NULL,
	RET_ALLOC_MEM_OR_NULL = RET_ALLOC_MEM | RET_NULL, /* must be released */
	RET_BTF_OR_NULL = RET_BTF | RET_NULL,
};

enum helper_flag {
	HELPER_GPL = 1,		/* only for programs with a GPL-compatible licence */
	HELPER_PKT_MOVES = 2,	/* may move the packet: packet pointers become invalid */
	HELPER_PKT_DATA = 4,	/* its memory arguments may be packet bytes */
	HELPER_MIGHT_SLEEP = 8, /* only where the program may sleep */
	HELPER_ENGINE = 16,	/* this engine has a body for it */
	HELPER_ACQUIRE = 32,	/* returns a reference that must be released */
	HELPER_RELEASE = 64,	/* releases the reference in its ARG_RELEASE */
	HELPER_CAP_BPF = 128,	/* not for unprivileged programs */
	HELPER_CAP_PERFMON = 256,
	HELPER_FASTCALL = 512, /* bpf_fastcall: scratch registers are preserved */
	HELPER_TARGET = 1024, /* depends on what the program attaches to: catalog_helper_target() */
	HELPER_OPTIONAL = 2048, /* kernels are built with or without it: their BTF says */
};

/* A condition on the expected attach type, on top of helper->progs. */
enum helper_when {
	WHEN_ALWAYS,
	WHEN_RETVAL,	 /* hooks of cgroups whose return value is an errno */
	WHEN_CGROUP_LSM, /* in lsm programs: those of a cgroup */
	WHEN_CONNECT,	 /* connect() of an IP socket */
	WHEN_SOCKOPT,	 /* cgroup_sockopt: setsockopt(); lsm: of a cgroup; iterators */
	WHEN_ITER,
	WHEN_TRAMPOLINE,  /* fentry, fexit, fmod_ret; lsm but not of a cgroup */
	WHEN_COOKIE,	  /* a cookie comes with the attachment */
	WHEN_MANY_PROBES, /* kprobe: attached in many places at once */
};

/* What the ARG_MAP of a helper may be: see catalog_helper_takes_map(). */
enum helper_maps {
	MAPS_NONE,
	MAPS_LOOKUP,
	MAPS_UPDATE,
	MAPS_PER_CPU,
	MAPS_PROG_ARRAY,
	MAPS_DEVMAP,
	MAPS_RINGBUF,
	/* verification only; rows of maps.def tell which helper ids a type permits */
	MAPS_BY_TYPE,
};

struct helper {
	const char *name;    /* "map_lookup_elem", without the bpf_ prefix */
	uint32_t id;	     /* BPF_FUNC_* */
	uint64_t progs;	     /* P_ bits of the types that may call it */
	uint8_t ret;	     /* enum helper_ret */
	uint8_t maps;	     /* enum helper_maps: what its ARG_MAP may be */
	uint16_t flags;	     /* enum helper_flag */
	uint32_t args[5];    /* enum helper_arg */
	uint8_t size[5];     /* ARG_FIXED: bytes */
	const char *btf[5];  /* ARG_BTF: names of the kernel structs */
	const char *ret_btf; /* RET_BTF */
	uint8_t when;	     /* enum helper_when */
};

/* One more than the largest helper id of Linux 6.18; the system's header may know fewer. */
#define CATALOG_HELPERS		     212
#define BPF_FUNC_cgrp_storage_get    210 /* Linux 6.2 */
#define BPF_FUNC_cgrp_storage_delete 211

/* The helper of that id if this engine implements it, or NULL. */
const struct helper *catalog_helper(uint32_t id);
/*
 * The contract of a helper, implemented here or not, in a program of this type and expected
 * attach type: some helpers take other arguments in other types. *out is NULL where the
 * kernel has no such helper. Returns 0, or -EINVAL if programs of that kind may not call it.
 */
int catalog_helper_contract(uint32_t id, const struct prog_type *type, uint32_t attach_type,
			    bool sleepable, const struct helper **out);
/*
 * HELPER_TARGET: whether the attach target permits the call, too. target: the kernel function
 * (tracing, lsm; with or without "bpf_lsm_"), or the struct and, in member, its member
 * (struct_ops); NULL if there is none. Returns 0, -EINVAL if such programs have no such helper,
 * or -EPERM if they have, but not there ("helper call is not allowed in probe"). To be asked
 * of any helper in struct_ops programs, whatever its flags.
 */
int catalog_helper_target(const struct helper *helper, const struct prog_type *type,
			  uint32_t attach_type, const char *target, const char *member);

/* What is special about a hook of security modules, by name ("file_open"). */
enum lsm_trait {
	LSM_SLEEPS = 1,	   /* programs there may be sleepable */
	LSM_SOCKOPT = 2,   /* the options of the socket at hand may be set and read */
	LSM_NOT_BPF = 4,   /* programs cannot attach ("points to disabled hook") */
	LSM_UNTRUSTED = 8, /* arguments are not trusted: the object is not complete, or no more */
	LSM_BOOL = 16,	   /* returns 0 or 1; others 0 or an errno */
};
uint32_t catalog_lsm_traits(const char *hook);

/* The UAPI's name of any helper id, implemented or not ("map_lookup_elem"), or NULL. */
const char *catalog_helper_name(uint32_t id);
/* Id by name, with or without "bpf_"; -1 if unknown. */
int catalog_helper_id(const char *name);
/* True if a map of this type may be the helper's ARG_MAP, as the engine implements both. */
bool catalog_helper_takes_map(const struct helper *helper, uint32_t map_type);
/* The kernel's rule for every map type and helper id: "cannot pass map_type %d into func". */
bool catalog_map_permits(uint32_t map_type, uint32_t helper_id);
/* The same, for map_update_elem and map_delete_elem of a map of sockets: who may change it. */
bool catalog_sockmap_update(const struct prog_type *type, uint32_t attach_type, uint32_t helper_id);

/* ---- maps ---------------------------------------------------------------------------- */

/* What a verifier and a checked run may know of a map; no contents. */
struct map_desc {
	uint32_t type; /* enum bpf_map_type */
	uint32_t key_size, value_size, max_entries, flags;
	uint64_t extra; /* map_extra */
	uint32_t id;
	char name[BPF_OBJ_NAME_LEN];
};

enum map_trait {
	MAP_PER_CPU = 1,      /* a value for each CPU */
	MAP_NO_LOOKUP = 2,    /* programs may not look up (program arrays, ring buffers) */
	MAP_DIRECT_VALUE = 4, /* values may be addressed by lddw (single-value-array style) */
	MAP_NO_UPDATE = 8,    /* programs may not update or delete */
	MAP_PROG_RDONLY = 16, /* what programs look up is read-only to them */
	MAP_LRU = 32,	      /* a full map evicts instead of refusing */
	MAP_ENGINE = 64,      /* this engine has it */
	MAP_FOR_EACH = 128,   /* bpf_for_each_map_elem() */
	MAP_SLEEPABLE = 256,  /* programs that sleep may use it */
	MAP_INNER = 512,      /* holds maps: a look-up gives one */
	MAP_SOCKETS = 1024,   /* a look-up gives a sock_common, with a reference */
	MAP_XSK = 2048,	      /* a look-up gives a bpf_xdp_sock */
	MAP_STORAGE = 4096,   /* values belong to a kernel object; created with BTF */
	MAP_NO_MAX = 8192,    /* max_entries must be 0; of others it must not */
	MAP_RING = 16384,     /* max_entries is a power of two of whole pages */
	MAP_NO_PROG = 32768,  /* programs may not refer to it at all */
};

/* Which sizes of a key or value creation accepts. */
enum map_size {
	SIZE_0,
	SIZE_4,
	SIZE_4_8,
	SIZE_8_16,
	SIZE_PREFIX,   /* 4 bytes of length, 1 to 256 of address */
	SIZE_SOCKHASH, /* 1 to 512 */
	SIZE_STACK,    /* addresses, or build ids */
	SIZE_ARRAY,    /* 1 and more, below 2 GiB */
	SIZE_PER_CPU,  /* 1 and more, up to 32 KiB */
	SIZE_ELEMENT,  /* 1 and more; key and value together below 4 MiB */
	SIZE_TRIE,
	SIZE_CHUNK,
	SIZE_STORAGE, /* below 64 KiB */
};

struct map_kind {
	const char *name; /* "percpu_hash": as bpftool prints it */
	uint32_t type;
	uint32_t allowed_flags; /* BPF_F_* accepted at creation */
	uint32_t traits;	/* enum map_trait */
	uint8_t keys, values;	/* enum map_size */
};

/* The kind of that type if this engine implements it, or NULL. */
const struct map_kind *catalog_map(uint32_t type);
const struct map_kind *catalog_map_by_name(const char *name);
/* Any kind that the kernel has. */
const struct map_kind *catalog_map_known(uint32_t type);
/* What the kernel's BPF_MAP_CREATE says of type, sizes and flags: 0 or its errno. Not looked at
 * here: BTF, the inner map, capabilities, the kernel's number of CPUs, memory that there is
 * not. */
int catalog_map_create_check(const struct map_desc *desc);
/* The UAPI's name of any map type, implemented or not, or NULL. */
const char *catalog_map_name(uint32_t type);

#endif
