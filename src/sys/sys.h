/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sys/sys.h - the engine behind the bpf(2) line, as the files of this layer share it.
 *
 *    bpf.c     one row for each command: attribute checks, dispatch
 *    cmd_*.c   the commands                    user.c   the caller's memory
 *    store.c   objects, ids, descriptors     pin.c, collect.c   their names, their end
 *    prog.c    programs: file format, making them runnable
 *    api_*.c   visor/visor.h
 *
 * Locks of an engine, in this order: `state` (one creator, collector or pinner at a time,
 * with an flock on the state directory's lock file also between processes), then `table`
 * (the map from files to objects). A struct obj is reference counted; the table holds one
 * reference. Everything in it but the lazily made program is constant.
 */
#ifndef SYS_SYS_H
#define SYS_SYS_H

#include <pthread.h>
#include <sys/types.h>

#include "btf/btf.h"
#include "vm/vm.h"
#include "visor/visor.h"

/* The kernel's internal "not supported", which the system call does return. */
#define SYS_ENOTSUPP 524
#define SYS_MAX_MAPS 64 /* maps of a program */

/* ---- objects -------------------------------------------------------------------------- */

/* In the order in which objects refer to each other's ids. The folder's name is what tools
 * expect to read in /proc/self/fd.   KIND(id, folder) */
#define OBJ_KINDS(KIND)        \
	KIND(MAP, "bpf-map")   \
	KIND(PROG, "bpf-prog") \
	KIND(BTF, "btf")

enum obj_kind {
#define KIND(id, folder) OBJ_##id,
	OBJ_KINDS(KIND)
#undef KIND
		OBJ_KIND_COUNT
};

struct sys_prog;

struct obj {
	struct obj *next; /* in its bucket of the table */
	enum obj_kind kind;
	uint32_t id;
	uint32_t refs;
	dev_t dev;
	ino_t ino;
	int fd; /* the engine's own, without a lock; a map's belongs to the map */
	union {
		struct map *map;
		struct sys_prog *prog;
		const struct btf *btf;
	};
};

/* What every object file that is not a map begins with. */
struct obj_head {
	char magic[8];
	uint32_t kind, id;
	uint64_t size; /* of the whole file */
};

#define OBJ_MAGIC "visor-1"

/* ---- the engine ----------------------------------------------------------------------- */

#define STORE_BUCKETS 1024

struct store_pin;
struct store_heap;
struct sys_type;

/* Why a program may run: it is proven safe; every access is tested; its owner vouches for it. Not
 * of its file: who opens a program that another process loaded wants proof, or checks. */
enum sys_trust { TRUST_PROOF, TRUST_CHECKS, TRUST_OWNER };

struct visor {
	char *path; /* NULL: private */
	int dir;
	int kinds[OBJ_KIND_COUNT]; /* directories */
	int pins;
	pthread_mutex_t state;
	int lock_fd; /* while `state` is held: the lock file */
	pthread_rwlock_t table;
	struct obj *buckets[STORE_BUCKETS];
	uint32_t n_objs, trim_at;
	uint32_t n_made, collect_at;	  /* created since the last collection; how many may be */
	struct store_heap *heap;	  /* what that collection saw */
	uint32_t last_id[OBJ_KIND_COUNT]; /* private */
	struct store_pin *pin_list;	  /* private */
	struct sys_type *types;		  /* registered program types; only ever prepended */
	struct vm_host host;
	int stats_fd; /* BPF_ENABLE_STATS: our description of the file given out, or -1 */
	enum sys_trust trust;
	int code;	   /* directory of native code that is kept, or -1 */
	enum vm_exec exec; /* of programs whose accesses are not tested */
	bool blind;	   /* their native code does not hold their numbers */
	/* Told of each program that becomes no native code, though it should; or NULL. */
	void (*unplaced)(const char *prog, const char *why);
};

/* ---- store.c -------------------------------------------------------------------------- */

int store_open(struct visor *v, const char *path, struct visor_diag *diag);
void store_close(struct visor *v);

/*
 * Creation: begin takes the state lock and gives an id and an empty file; the caller fills
 * the file and makes the object; commit publishes it (or destroys it on failure) and returns
 * a descriptor for the client. abort gives up: closing fd is the caller's business.
 */
int store_begin(struct visor *v, enum obj_kind kind, uint32_t *id, int *fd);
int store_commit(struct visor *v, struct obj *obj, int open_flags);
void store_abort(struct visor *v, enum obj_kind kind);

/* The object with a new reference, or NULL with *err set. */
struct obj *store_by_fd(struct visor *v, int fd, enum obj_kind kind, int *err);
struct obj *store_by_id(struct visor *v, enum obj_kind kind, uint32_t id, int *err);
void store_put(struct obj *obj);

/* New descriptors for a client. */
int store_fd(struct visor *v, const struct obj *obj, int open_flags);
int store_fd_by_id(struct visor *v, enum obj_kind kind, uint32_t id, int open_flags);
/* The smallest id above `after` of an object that lives; -ENOENT. */
int store_next_id(struct visor *v, enum obj_kind kind, uint32_t after, uint32_t *id);

int store_pin(struct visor *v, struct obj *obj, const char *path);
int store_unpin(struct visor *v, const char *path);
int store_get(struct visor *v, const char *path, int open_flags);

/* The type that a program array's programs have, or 0 while nothing is known. */
int store_prog_array_type(struct visor *v, struct obj *map, uint32_t *type);

/* For commands that change an object in place. Without the lock, nothing may be done. */
int store_lock(struct visor *v);
void store_unlock(struct visor *v);

/* ---- objects.c: what the store asks of the kinds --------------------------------------- */

/* Makes the object of a file; obj->kind, ->fd set. Sets ->id. fd belongs to obj afterwards. */
int obj_attach(struct obj *obj);
void obj_destroy(struct obj *obj);
/* Calls fn for each object that this one keeps alive. */
void obj_refs(const struct obj *obj, void (*fn)(void *user, enum obj_kind kind, uint32_t id),
	      void *user);
struct obj *obj_new(enum obj_kind kind, int fd);
/* Reads a file that begins with struct obj_head; *out is to be freed. */
int obj_read(int fd, enum obj_kind kind, size_t min, size_t max, void **out, size_t *size);
int obj_write(int fd, struct obj_head *head, enum obj_kind kind, uint32_t id, size_t head_size,
	      const void *body, size_t body_size);

/* ---- user.c: memory whose address came in an attribute --------------------------------- */

int user_read(void *dst, uint64_t addr, size_t size);	     /* 0 or -EFAULT */
int user_write(uint64_t addr, const void *src, size_t size); /* 0 or -EFAULT */
/* Reads up to and including a NUL; at most size - 1 bytes, then cut. Length or -EFAULT. */
ssize_t user_string(char *dst, uint64_t addr, size_t size);
/* -E2BIG if [known, size) of the structure at addr is not all zero; -EFAULT. */
int user_tail_zero(uint64_t addr, size_t known, size_t size);
/* A copy of n bytes (freed by the caller), or NULL with *err set. */
void *user_dup(uint64_t addr, size_t n, int *err);

/* A caller's log buffer (verifier, BTF). */
struct user_log {
	uint64_t addr;
	uint32_t size, level;
};
int user_log_check(const struct user_log *log);

/* A log that is written piece by piece. Too long a text loses its beginning, or with BPF_LOG_FIXED
 * its end. */
struct user_log_stream {
	const struct user_log *log;
	char *text;
	size_t have, room;
	uint64_t total;
	bool lost; /* no memory */
};
void user_log_add(void *stream, const char *text, size_t len);
/* Writes it, and frees the stream's memory. 0, -ENOSPC if text was lost, -EFAULT. */
int user_log_end(struct user_log_stream *s);
/* Writes text, cut to the buffer. 0, -ENOSPC if it was cut, -EFAULT. */
int user_log_write(const struct user_log *log, const char *text);

/* ---- prog.c --------------------------------------------------------------------------- */

/* The beginning of a program's file. Followed by instructions, func_info, line_info. */
struct prog_head {
	struct obj_head obj;
	uint32_t type, expected_attach_type, flags, btf_id;
	uint32_t n_insns, n_func_info, n_line_info, uid;
	uint64_t load_time; /* ns since boot */
	char name[BPF_OBJ_NAME_LEN];
	uint8_t tag[BPF_TAG_SIZE];
	/* Of the code that the loader made of it; 0: it interprets it; a negative errno: it has to,
	 * for this reason (vm_prog_unplaced). */
	int32_t native_size;
	uint32_t gpl, n_maps, n_load_maps; /* maps bound later come after those of the program */
	uint32_t map_ids[SYS_MAX_MAPS];
};

struct sys_prog {
	struct prog_head *head;	      /* the whole file's contents, one allocation */
	const struct bpf_insn *insns; /* map references by index (verify/verify.h) */
	const struct bpf_func_info *func_info;
	const struct bpf_line_info *line_info;
	pthread_mutex_t lock;
	struct vm_prog *vm; /* made when first needed; read with acquire */
};

const struct prog_type *sys_prog_type(struct visor *v, uint32_t type);
/* The program, runnable; borrowed from obj. Verified here if it came from a file. */
int sys_prog_vm(struct visor *v, struct obj *obj, struct vm_prog **out, struct visor_diag *diag);
/* Checks a file's contents and takes it over. */
int sys_prog_parse(void *file, size_t size, struct sys_prog **out);
void sys_prog_free(struct sys_prog *prog);
/* The ids of its maps as the file has them now: PROG_BIND_MAP of any process adds to them. */
int sys_prog_maps(const struct obj *obj, uint32_t ids[SYS_MAX_MAPS], uint32_t *n);
/* A new descriptor. The log, if wanted, is the kernel's; diag is filled anyway. */
int sys_prog_load(struct visor *v, const union bpf_attr *attr, enum sys_trust trust,
		  struct visor_diag *diag);
enum sys_trust sys_trust_of(bool checked, bool trusted);
extern const struct vm_host sys_host;

/* First bytes of the SHA-256 of data: what the kernel calls a tag. */
void sys_tag(const void *data, size_t size, uint8_t tag[BPF_TAG_SIZE]);

/* ---- kept.c: native code that outlives processes ------------------------------------------ */

/* Uses that directory, created if absent. -EPERM: others could write to it. */
int kept_open(struct visor *v, const char *path, struct visor_diag *diag);
/* False: nothing is kept. */
bool kept_in(struct visor *v, struct vm_keep *keep);

/* ---- types.c: registered program types -------------------------------------------------- */

const struct prog_type *sys_type_get(struct visor *v, uint32_t type);
const struct helper *sys_type_helper(struct visor *v, const struct prog_type *type, uint32_t id,
				     vm_helper_fn *fn);
void sys_types_free(struct visor *v);

/* ---- api ------------------------------------------------------------------------------ */

/* This thread's run state, entered; a fresh one for a run inside a run. */
struct visor_run *sys_run_enter(void *user);
void sys_run_leave(struct visor_run *run);

/* What visor_last_diag will give. */
struct visor_diag *sys_last_diag(void);

/* Copies the part of an options struct that we know; -E2BIG if it sets more. */
int sys_opts_get(const void *opts, void *out, size_t known, struct visor_diag *diag);

/* What stopped this thread's last PROG_TEST_RUN, which the system call cannot tell; its text is
 * empty if nothing did. */
extern _Thread_local struct vm_fault sys_last_fault;

/* ---- commands -------------------------------------------------------------------------- */

/*
 *   COMMAND(name, the last field it knows, handler)
 *
 * attr is a copy of the caller's attributes, uattr the address of the original.
 */
#define SYS_COMMANDS(COMMAND)                                                              \
	COMMAND(MAP_CREATE, map_extra, cmd_map_create)                                     \
	COMMAND(MAP_LOOKUP_ELEM, flags, cmd_map_lookup)                                    \
	COMMAND(MAP_UPDATE_ELEM, flags, cmd_map_update)                                    \
	COMMAND(MAP_DELETE_ELEM, key, cmd_map_delete)                                      \
	COMMAND(MAP_GET_NEXT_KEY, next_key, cmd_map_next_key)                              \
	COMMAND(MAP_LOOKUP_AND_DELETE_ELEM, flags, cmd_map_lookup_and_delete)              \
	COMMAND(MAP_FREEZE, map_fd, cmd_map_freeze)                                        \
	COMMAND(MAP_LOOKUP_BATCH, batch.flags, cmd_map_lookup_batch)                       \
	COMMAND(MAP_LOOKUP_AND_DELETE_BATCH, batch.flags, cmd_map_lookup_and_delete_batch) \
	COMMAND(MAP_UPDATE_BATCH, batch.flags, cmd_map_update_batch)                       \
	COMMAND(MAP_DELETE_BATCH, batch.flags, cmd_map_delete_batch)                       \
	COMMAND(PROG_LOAD, core_relo_rec_size, cmd_prog_load)                              \
	COMMAND(PROG_BIND_MAP, prog_bind_map.flags, cmd_prog_bind_map)                     \
	COMMAND(PROG_TEST_RUN, test.batch_size, cmd_prog_test_run)                         \
	COMMAND(BTF_LOAD, btf_log_level, cmd_btf_load)                                     \
	COMMAND(OBJ_PIN, file_flags, cmd_obj_pin)                                          \
	COMMAND(OBJ_GET, file_flags, cmd_obj_get)                                          \
	COMMAND(OBJ_GET_INFO_BY_FD, info.info, cmd_obj_info)                               \
	COMMAND(PROG_GET_NEXT_ID, next_id, cmd_prog_next_id)                               \
	COMMAND(MAP_GET_NEXT_ID, next_id, cmd_map_next_id)                                 \
	COMMAND(BTF_GET_NEXT_ID, next_id, cmd_btf_next_id)                                 \
	COMMAND(LINK_GET_NEXT_ID, next_id, cmd_link_next_id)                               \
	COMMAND(PROG_GET_FD_BY_ID, prog_id, cmd_prog_fd_by_id)                             \
	COMMAND(MAP_GET_FD_BY_ID, open_flags, cmd_map_fd_by_id)                            \
	COMMAND(BTF_GET_FD_BY_ID, btf_id, cmd_btf_fd_by_id)                                \
	COMMAND(LINK_GET_FD_BY_ID, link_id, cmd_link_fd_by_id)                             \
	COMMAND(ENABLE_STATS, enable_stats.type, cmd_enable_stats)

#define COMMAND(name, last, handler) \
	int handler(struct visor *v, union bpf_attr *attr, union bpf_attr *uattr);
SYS_COMMANDS(COMMAND)
#undef COMMAND

/* O_RDONLY, O_WRONLY or O_RDWR of BPF_F_RDONLY, BPF_F_WRONLY; -EINVAL for both. */
int sys_open_mode(uint32_t flags);
/* A name as the kernel takes it: letters, digits, '_' and '.', terminated. */
int sys_name_check(const char name[BPF_OBJ_NAME_LEN]);

#endif
