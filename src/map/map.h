/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map/map.h - maps over position-independent files.
 *
 * A map is one file (a memfd, or a file of a state directory) that any number of
 * processes map and use at full speed. Inside it, everything is an offset. The last page
 * is the header, so that the file's beginning is what mmap(2) of a map descriptor must
 * show (array values, ring buffer positions):
 *
 *    +------------------- type specific ------------------+--- last page ---+
 *    | values, buckets, trie nodes, ring ...              | struct map_head |
 *    +----------------------------------------------------+-----------------+
 *
 * Semantics, flags and errno values are the kernel's. A struct map is a process's handle
 * of such a file: reference counted, usable by any number of threads at once. A header
 * found in a file that somebody else wrote is checked before use, and offsets read from
 * shared memory are bounds-checked at every use: a hostile file gives errors, not faults.
 *
 * A process may die at any instruction: a change is prepared aside and published with one
 * store, and locks name their owner, so that a waiter can take over from a dead one.
 */
#ifndef MAP_MAP_H
#define MAP_MAP_H

#include "base/diag.h"
#include "catalog/catalog.h"

#define MAP_MAX_CPUS 512

struct map_head; /* the last page, private to the map layer */
struct map_ops;	 /* one table per type, private to the map layer */

struct map {
	const struct map_ops *ops;
	const struct map_kind *kind;
	/* The type's look-up, for callers that want to skip one indirection (a JIT). */
	void *(*lookup)(struct map *map, const void *key, uint32_t cpu);
	struct map_head *head;
	uint8_t *mem;	      /* start of the mapping */
	size_t size;	      /* of the file */
	struct map_desc desc; /* constant copy of what the header said at attach */
	uint32_t btf_id, btf_key_type_id, btf_value_type_id, btf_vmlinux_value_type_id;
	uint64_t map_extra;
	uint32_t n_cpus;       /* slots of a per-CPU value */
	uint32_t value_stride; /* bytes from one value to the next */
	int fd;		       /* the process's own descriptor of the file */
	bool readonly; /* the descriptor does not allow writing: every change gives -EPERM */
	uint32_t refs;
	void *local; /* per process data of the type: resolved programs of a program array */
	void (*local_free)(struct map *map); /* called once at the end, if set */
	void *owner;			     /* for the sys layer */
	bool snapshot;			     /* the values are a private copy */
};

/* What the caller of map_new wants; the UAPI's names. */
struct map_attr {
	uint32_t type, key_size, value_size, max_entries, flags;
	uint64_t map_extra;
	char name[BPF_OBJ_NAME_LEN];
	uint32_t btf_id, btf_key_type_id, btf_value_type_id;
};

/*
 * Creates a map in the file `fd` (an empty memfd or file, read-write), which the map then
 * owns also on failure. Returns 0 or the kernel's error for the same attributes: -EINVAL,
 * -E2BIG, -ENOMEM, -EPERM ...
 */
int map_new(const struct map_attr *attr, uint32_t id, int fd, struct map **out,
	    struct visor_diag *diag);

/* Opens the map in `fd` (owned as above), checking everything in it that is relied upon. */
int map_attach(int fd, struct map **out, struct visor_diag *diag);

struct map *map_ref(struct map *map);
void map_unref(struct map *map);

/* Possible CPUs of this machine: number of slots in a per-CPU value. */
uint32_t map_possible_cpus(void);

/* ---- the side of programs (no checks of pointers, no copying) ------------------------- */

/* The value for `cpu` (ignored by maps that are not per CPU), or NULL. */
static inline void *map_lookup(struct map *map, const void *key, uint32_t cpu)
{
	return map->lookup(map, key, cpu);
}
long map_update(struct map *map, const void *key, const void *value, uint64_t flags, uint32_t cpu);
long map_delete(struct map *map, const void *key);

/* ---- the side of the system call (copies; per-CPU values of all CPUs, 8-byte slots) --- */

/* Bytes of a value as the system call copies it: value_size, or for per-CPU types
 * round_up(value_size, 8) * n_cpus. */
size_t map_user_value_size(const struct map *map);
int map_user_lookup(struct map *map, const void *key, void *value, uint64_t flags);
int map_user_update(struct map *map, const void *key, const void *value, uint64_t flags);
int map_user_delete(struct map *map, const void *key);
int map_user_lookup_and_delete(struct map *map, const void *key, void *value, uint64_t flags);
/* key NULL: the first key. -ENOENT after the last. */
int map_user_next_key(struct map *map, const void *key, void *next);
/* The values become a copy of this process's own: what another one writes, which for a frozen map
 * is nobody's right, is not seen any more. Once; -ENOMEM. */
int map_snapshot(struct map *map);
/* After this, user-side updates and deletes give -EPERM. -EPERM if frozen already. */
int map_freeze(struct map *map);
bool map_is_frozen(const struct map *map);
uint64_t map_memlock(const struct map *map); /* bytes in use, for listings */

/* ---- direct values --------------------------------------------------------------------- */

/* Address of byte `off` of the first value of an array (BPF_PSEUDO_MAP_VALUE), or NULL. */
void *map_direct_value(struct map *map, uint32_t off);

/* True if [addr, addr + len) lies within one value of this map (checked mode); for ring
 * buffers within the data area. *writable says whether a program may store there. */
bool map_value_contains(const struct map *map, const void *addr, size_t len, bool *writable);

/* ---- program arrays (values are program ids; what an id means is the caller's business) - */

/* Program id in slot `index`, 0 if empty or out of range. Lock free. */
uint32_t map_prog_slot(const struct map *map, uint32_t index);
/* The address of the slot, which must exist: its first four bytes are the id. */
const void *map_prog_slot_at(const struct map *map, uint32_t index);
/* The next slot from *index on that is not empty: its program id, with *index set; 0 at the
 * end. Cheap however large the array, if most of it was never used. */
uint32_t map_prog_next(const struct map *map, uint32_t *index);

/* ---- device maps: ifindex by key, for bpf_redirect_map --------------------------------- */
uint32_t map_dev_slot(const struct map *map, uint32_t index); /* 0: empty */

/* ---- ring buffers ------------------------------------------------------------------------ */
void *ringbuf_reserve(struct map *map, uint64_t size); /* NULL: full or too large */
/* sample is what reserve returned; BPF_RB_NO_WAKEUP, BPF_RB_FORCE_WAKEUP */
void ringbuf_submit(struct map *map, void *sample, uint64_t flags);
void ringbuf_discard(struct map *map, void *sample, uint64_t flags);
long ringbuf_output(struct map *map, const void *data, uint64_t size, uint64_t flags);
uint64_t ringbuf_query(const struct map *map, uint64_t flags);
/* The map that a sample pointer of this process belongs to, or NULL (a table of attached rings). */
struct map *ringbuf_owner(const void *sample);
/* Calls fn for each committed record in order and consumes it; stops when fn returns < 0.
 * Returns the number of records consumed, or fn's error. One consumer at a time. */
int ringbuf_consume(struct map *map, int (*fn)(void *user, const void *data, uint32_t size),
		    void *user);
/* An eventfd-like descriptor, readable when records wait; owned by the map. -errno on failure.
 * Works across processes that share the file. */
int ringbuf_wait_fd(struct map *map);

#endif
