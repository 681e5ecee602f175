/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * catalog/catalog.h - which helpers, map types and program types exist, and their contracts.
 *
 * Three X-macro tables (helpers.def, maps.def, progs.def) expanded into constant
 * descriptions. This layer knows names, types and rules, never an implementation.
 * Everything here is constant and may be read from any thread, except the registration
 * of a custom program type (see struct prog_type), which its owner keeps alive.
 */
#ifndef CATALOG_CATALOG_H
#define CATALOG_CATALOG_H

#include "base/util.h"
#include "visor/uapi.h"

/* ---- program types ------------------------------------------------------------------- */

/* Bits for sets of program types, used in helpers.def. */
enum prog_set {
	P_XDP = 1 << 0,
	P_TC = 1 << 1,     /* BPF_PROG_TYPE_SCHED_CLS, SCHED_ACT */
	P_SOCKET = 1 << 2, /* BPF_PROG_TYPE_SOCKET_FILTER */
	P_CUSTOM = 1 << 3, /* registered by an embedder */
	P_SKB = P_TC | P_SOCKET,
	P_PACKET = P_XDP | P_SKB,
	P_ANY = P_PACKET | P_CUSTOM,
};

/* What reading a context field yields. */
enum ctx_yield {
	CTX_SCALAR,    /* a number of the field's size */
	CTX_PKT,       /* start of the packet's bytes */
	CTX_PKT_META,  /* start of the metadata in front of the packet */
	CTX_PKT_END,   /* end of the packet's bytes */
	CTX_NULL,      /* a pointer that is always NULL here, read as the constant 0 (sockets) */
	CTX_POINTER,   /* custom types: pointer to `region` readable and writable bytes */
};

/* How a field may be accessed. A part is any naturally aligned piece of 1, 2, 4 or 8 bytes;
 * 0 is a field that is known but out of reach. */
enum ctx_access {
	CTX_R = 1, /* read as a whole */
	CTX_W = 2, /* written as a whole */
	CTX_RW = CTX_R | CTX_W,
	CTX_R_PART = 4, /* parts may be read, too */
	CTX_W_PART = 8, /* parts may be written, too */
};

/*
 * One field of a context as programs see it (the UAPI layout), and where the engine keeps
 * it. A pointer field is 4 bytes in the UAPI but a full pointer in the engine, therefore
 * two offsets: the access is rewritten (or translated at run time in checked mode).
 */
struct ctx_field {
	const char *name;
	uint16_t off, size;     /* UAPI layout */
	uint8_t access;         /* enum ctx_access */
	uint8_t yield;          /* enum ctx_yield */
	uint16_t engine_off;    /* in the object that r1 points to when the program runs */
	uint16_t region;        /* CTX_POINTER: bytes behind the pointer */
};

struct prog_type {
	const char *name;      /* "xdp" */
	uint32_t type;         /* enum bpf_prog_type, or >= VISOR_PROG_CUSTOM */
	uint32_t set;          /* enum prog_set bit */
	uint32_t ctx_size;     /* bytes of the UAPI context */
	uint32_t engine_size;  /* bytes of the engine's context object */
	const char *const *sections; /* libbpf SEC() names, NULL-terminated */
	const struct ctx_field *fields;
	uint32_t n_fields;
	int64_t ret_min, ret_max; /* range of legal return values; INT64_MIN, INT64_MAX: any */
	bool packet;           /* the context is a struct visor_packet */
	bool direct_write;     /* packet bytes may be written directly */
	const void *owner;     /* custom types: the engine they were registered with */
};

/* The built-in type, or NULL. Custom types are looked up by their engine. */
const struct prog_type *catalog_prog(uint32_t type);
const struct prog_type *catalog_prog_by_name(const char *name);

/* The field that [off, off + size) lies in, or NULL if it is in none. */
const struct ctx_field *catalog_ctx_field(const struct prog_type *type, uint32_t off, uint32_t size);

/* The field that programs of this type may read (or write) by [off, off + size), or NULL if
 * the kernel would refuse the access. Byte `off - field->off` of a number is at the same
 * place in the engine's copy; pointers are only accessed as a whole. */
const struct ctx_field *catalog_ctx_access(const struct prog_type *type, uint32_t off,
					   uint32_t size, bool write);

/* Name of a return value of this type ("XDP_DROP"), or NULL. */
const char *catalog_verdict(uint32_t prog_type, uint32_t value);

/* ---- helpers ------------------------------------------------------------------------- */

/* Argument kinds. A MEM argument's length is the next argument (SIZE or SIZE0). */
enum helper_arg {
	ARG_NONE,
	ARG_ANY,          /* any initialised value */
	ARG_MAP,          /* a map */
	ARG_MAP_KEY,      /* readable memory of the map's key size */
	ARG_MAP_VALUE,    /* readable memory of the map's value size */
	ARG_UNINIT_MAP_VALUE, /* writable memory of the map's value size */
	ARG_CTX,          /* the context */
	ARG_MEM,          /* readable memory, length in the next argument */
	ARG_MEM_OR_NULL,
	ARG_UNINIT_MEM,   /* writable memory, length in the next argument */
	ARG_UNINIT_MEM_OR_NULL,
	ARG_UNINIT_U64,   /* 8 writable bytes, aligned */
	ARG_CONST_STR,    /* NUL-terminated text in a map value that nobody can change any more */
	ARG_SIZE,         /* length, 1.. */
	ARG_SIZE0,        /* length, 0.. */
	ARG_ALLOC_SIZE,   /* constant: bytes of the memory returned */
	ARG_ALLOC_MEM,    /* memory from a RET_ALLOC_MEM_OR_NULL, released by this call */
	ARG_FUNC,         /* a callback: address of a static function */
	ARG_STACK_OR_NULL, /* the callback's context */
};

enum helper_ret {
	RET_INTEGER,
	RET_VOID,
	RET_MAP_VALUE_OR_NULL,
	RET_ALLOC_MEM_OR_NULL, /* must be released */
};

enum helper_flag {
	HELPER_GPL = 1,        /* only for programs with a GPL-compatible licence */
	HELPER_PKT_MOVES = 2,  /* may move the packet: packet pointers become invalid */
	HELPER_PKT_DATA = 4,   /* its memory arguments may be packet bytes */
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
};

struct helper {
	const char *name; /* "map_lookup_elem", without the bpf_ prefix */
	uint32_t id;      /* BPF_FUNC_* */
	uint32_t progs;   /* enum prog_set bits that may call it */
	uint8_t ret;      /* enum helper_ret */
	uint8_t args[5];  /* enum helper_arg */
	uint8_t flags;    /* enum helper_flag */
	uint8_t maps;     /* enum helper_maps */
};

/* The helper of that id if this engine implements it, or NULL. */
const struct helper *catalog_helper(uint32_t id);
/* The UAPI's name of any helper id, implemented or not ("map_lookup_elem"), or NULL. */
const char *catalog_helper_name(uint32_t id);
/* Id by name, with or without "bpf_"; -1 if unknown. */
int catalog_helper_id(const char *name);
/* True if a map of this type may be the helper's ARG_MAP. */
bool catalog_helper_takes_map(const struct helper *helper, uint32_t map_type);

/* ---- maps ---------------------------------------------------------------------------- */

/* What a verifier and a checked run may know of a map; no contents. */
struct map_desc {
	uint32_t type; /* enum bpf_map_type */
	uint32_t key_size, value_size, max_entries, flags;
	uint32_t id;
	char name[BPF_OBJ_NAME_LEN];
};

enum map_trait {
	MAP_PER_CPU = 1,      /* a value for each CPU */
	MAP_NO_LOOKUP = 2,    /* programs may not look up (program arrays, ring buffers) */
	MAP_DIRECT_VALUE = 4, /* values may be addressed by lddw (single-value-array style) */
	MAP_NO_UPDATE = 8,    /* programs may not update or delete */
	MAP_PROG_RDONLY = 16, /* what programs look up is read-only to them */
	MAP_LRU = 32,         /* a full map evicts instead of refusing */
};

struct map_kind {
	const char *name;       /* "percpu_hash": as bpftool prints it */
	uint32_t type;
	uint32_t allowed_flags; /* BPF_F_* accepted at creation */
	uint32_t traits;        /* enum map_trait */
};

/* The kind of that type if this engine implements it, or NULL. */
const struct map_kind *catalog_map(uint32_t type);
const struct map_kind *catalog_map_by_name(const char *name);
/* The UAPI's name of any map type, implemented or not, or NULL. */
const char *catalog_map_name(uint32_t type);

#endif
