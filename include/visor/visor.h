/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * visor/visor.h - the embeddable eBPF engine.
 *
 * An engine (struct visor) is a second implementation of what lies below the bpf system
 * call. Either it is private to the process, or its objects live in a state directory that
 * any number of processes share. Link with -lvisor; it needs nothing but libc. Loading
 * ELF objects needs libbpf and is in visor/object.h (-lvisor-object).
 *
 * Conventions: functions return 0 (or a count or a descriptor, where they say so) or a
 * negative errno; the optional struct visor_diag, owned by the caller, tells more. An
 * options struct starts with its size, set by VISOR_OPTS(), so that it can grow.
 * Threads: an engine, its maps and its programs may be used by any threads at once; a
 * struct visor_packet and a context belong to one running call.
 */
#ifndef VISOR_VISOR_H
#define VISOR_VISOR_H

#include <stdbool.h>
#include <stdint.h>
#include <visor/diag.h>
#include <visor/packet.h>
#include <visor/uapi.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VISOR_OPTS(type, name, ...) struct type name = {.sz = sizeof(struct type), __VA_ARGS__}

/* ---- engine -------------------------------------------------------------------------- */

struct visor;

struct visor_opts {
	size_t sz;
	const char *state; /* state directory, created if absent; NULL: private to the process */
	bool trusted;	   /* as in struct visor_prog_opts, for every program loaded through it */
	bool checked;	   /* likewise */
	/* Programs are compiled to native code where there is a compiler for the machine (x86-64,
	 * arm64), unless this says to interpret them. What is `checked` is always interpreted. */
	bool interpret;
	/* Directory in which native code is kept from process to process, so that programs are
	 * compiled once (and still verified each time); created if absent; NULL: nothing is kept.
	 * -EPERM if it is not the caller's own, or others can write to it. */
	const char *code;
	/* For programs of people who are not trusted: the numbers that a program chooses do not
	 * appear in its native code, which is different each time and not kept. The code is larger
	 * and somewhat slower. */
	bool blind;
};

/* Opens an engine; opts may be NULL. The caller closes it. */
int visor_open(const struct visor_opts *opts, struct visor **out, struct visor_diag *diag);
/* Releases the engine. Descriptors that it gave out stay valid files; programs and maps
 * obtained from it must have been freed before. */
void visor_close(struct visor *v);

/*
 * The bpf system call on this engine: same commands, same struct, same checks, same
 * results, but returns a negative errno instead of setting errno. Descriptors are real
 * file descriptors.
 */
int visor_engine_bpf(struct visor *v, int cmd, union bpf_attr *attr, unsigned int size);

/*
 * The same on the current engine of the calling thread: the one set by visor_use(), else
 * the process's default, opened at the first use from the environment variable
 * VISOR_STATE (a directory; unset or empty: private).
 */
int visor_bpf(int cmd, union bpf_attr *attr, unsigned int size);
/* Sets the calling thread's current engine (NULL: the default); returns the previous one. */
struct visor *visor_use(struct visor *v);

/* Why the calling thread's last BPF_PROG_LOAD or BPF_MAP_CREATE that failed did so, or its last
 * BPF_PROG_TEST_RUN of a program that another process loaded; err 0 if none has since the last call
 * of this function. For those who get only an errno. */
void visor_last_diag(struct visor_diag *out);

/* Takes a name that BPF_OBJ_PIN gave away again (a client of the kernel calls unlink). */
int visor_unpin(struct visor *v, const char *path);

/* The user's own state directory, on tmpfs, which the command line uses if it is told no other:
 * $XDG_RUNTIME_DIR/visor, else /dev/shm/visor-UID. -ENAMETOOLONG. */
int visor_state_default(char *path, size_t size);

/* ---- custom program types and helpers ------------------------------------------------ */

struct visor_run; /* a running program, as helpers see it */

/* A helper: five arguments as eBPF passes them. `run` is valid during the call only. */
typedef uint64_t (*visor_helper_fn)(uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5,
				    struct visor_run *run);

/* Argument and return kinds of a registered helper: what the engine checks before the call. */
enum visor_arg {
	VISOR_ARG_NONE,
	VISOR_ARG_SCALAR,  /* any number */
	VISOR_ARG_CTX,	   /* the context */
	VISOR_ARG_MAP,	   /* a map */
	VISOR_ARG_MEM,	   /* readable memory, length in the next argument */
	VISOR_ARG_MEM_OUT, /* writable memory, length in the next argument */
	VISOR_ARG_SIZE,	   /* the length, at least 1 */
};

struct visor_helper {
	uint32_t id;	  /* what `call` names; from VISOR_HELPER_CUSTOM up */
	const char *name; /* without the bpf_ prefix */
	visor_helper_fn fn;
	uint8_t args[5]; /* enum visor_arg */
};
#define VISOR_HELPER_CUSTOM 0x10000

/* A field of a custom context, at its offset in the C struct that the embedder passes. */
struct visor_ctx_field {
	const char *name;
	uint16_t off, size;
	bool writable;
	uint16_t region; /* not 0: the field is a pointer to so many readable and writable bytes */
};

struct visor_prog_type {
	uint32_t type; /* from VISOR_PROG_CUSTOM up */
	const char *name;
	uint32_t ctx_size;
	const struct visor_ctx_field *fields;
	uint32_t n_fields;
	const struct visor_helper *helpers; /* besides the generic ones (maps, time, random, ...) */
	uint32_t n_helpers;
	int64_t ret_min, ret_max; /* both 0: any return value */
};
#define VISOR_PROG_CUSTOM 0x10000

/* Registers a program type with this engine; everything is copied. Must precede loading. */
int visor_register(struct visor *v, const struct visor_prog_type *type, struct visor_diag *diag);

/* For helpers: the context pointer of the run, and the value set in visor_run_opts.user. */
void *visor_run_ctx(const struct visor_run *run);
void *visor_run_user(const struct visor_run *run);

/* ---- programs ------------------------------------------------------------------------ */

struct visor_prog;

struct visor_prog_opts {
	size_t sz;
	uint32_t type;	     /* enum bpf_prog_type or a registered type */
	const char *name;    /* up to 15 characters; NULL: none */
	const char *license; /* NULL: "Dual BSD/GPL" */
	/* A program is verified, as the kernel would, and what is proven safe runs without further
	 * checks. Instead of that, for one whose structure is sound: */
	bool trusted; /* run it without checks: a faulty program then corrupts the process */
	bool checked; /* test every access when it runs: slow, and faults stop the run. Wins over
		       * trusted */
};

/* Loads a program. Map references are descriptors, as for the system call. The caller frees it. */
int visor_prog_load(struct visor *v, const struct bpf_insn *insns, uint32_t n_insns,
		    const struct visor_prog_opts *opts, struct visor_prog **out,
		    struct visor_diag *diag);
/* The program behind a descriptor of this engine; the descriptor stays the caller's. */
int visor_prog_from_fd(struct visor *v, int fd, struct visor_prog **out, struct visor_diag *diag);
/* A new descriptor of the program, the caller's to close. */
int visor_prog_fd(const struct visor_prog *prog);
void visor_prog_free(struct visor_prog *prog);

/* One run on a packet (XDP, tc, socket filter). Result in pkt->verdict. -EFAULT with diag
 * set if an interpreted program's functions, and tail calls in them, were nested more than eight
 * deep, or if a checked program did something forbidden or executed more than 2^26 instructions
 * (tail calls included); pkt->verdict is then XDP_ABORTED, TC_ACT_SHOT or 0. */
int visor_prog_run(struct visor_prog *prog, struct visor_packet *pkt, struct visor_diag *diag);

/* Runs over n packets in order; the CPU slot and other set-up are taken once. Stops at the
 * first fault. Returns the number of packets processed. */
int visor_prog_run_batch(struct visor_prog *prog, struct visor_packet *pkts, uint32_t n,
			 struct visor_diag *diag);

/*
 * After the verdict XDP_REDIRECT or TC_ACT_REDIRECT: the interfaces to send to, one by one,
 * several with BPF_F_BROADCAST. Start with *next = 0; returns 0 at the end. Call it before
 * the program is freed.
 */
uint32_t visor_packet_target(const struct visor_packet *pkt, uint32_t *next);

/* One run of a custom type on its context struct; user reaches helpers. */
int visor_prog_run_ctx(struct visor_prog *prog, void *ctx, void *user, uint64_t *ret,
		       struct visor_diag *diag);

/* ---- maps ---------------------------------------------------------------------------- */

struct visor_map;

struct visor_map_opts {
	size_t sz;
	const char *name;
	uint32_t flags;
};

int visor_map_new(struct visor *v, uint32_t type, uint32_t key_size, uint32_t value_size,
		  uint32_t max_entries, const struct visor_map_opts *opts, struct visor_map **out,
		  struct visor_diag *diag);
int visor_map_from_fd(struct visor *v, int fd, struct visor_map **out, struct visor_diag *diag);
/* The map's descriptor, borrowed: what BPF_LD_MAP_FD instructions name. */
int visor_map_fd(const struct visor_map *map);
void visor_map_free(struct visor_map *map);

/* The value in place, or NULL; valid until the entry is deleted. Per-CPU maps: NULL (use get). */
void *visor_map_lookup(struct visor_map *map, const void *key);
/* Copies; for per-CPU maps the values of all CPUs in 8-byte-aligned slots. These return -EPERM
 * where the map's descriptor is not open for it, or the map is frozen. */
int visor_map_get(struct visor_map *map, const void *key, void *value);
int visor_map_set(struct visor_map *map, const void *key, const void *value, uint64_t flags);
int visor_map_delete(struct visor_map *map, const void *key);
int visor_map_next_key(struct visor_map *map, const void *key, void *next);

/* A descriptor that is readable when the ring buffer behind the descriptor fd may have
 * records (edge-triggered; nobody reads it), since the map's own cannot be polled. It is
 * the engine's; do not close it. */
int visor_ringbuf_wait_fd(struct visor *v, int fd);

#ifdef __cplusplus
}
#endif
#endif
