/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tests/chain/side.h - one sample module on one engine, for tests that compare the kernel
 * with ours. Both sides go through the same code: libbpf and BPF_PROG_TEST_RUN in a load
 * session, whose engine is the only difference.
 *
 * A side owns its object (side_close). One thread.
 */
#ifndef TESTS_SIDE_H
#define TESTS_SIDE_H

#include "load/load.h"

#define SIDE_SKIP 77
enum { SIDE_DENY, SIDE_ALLOW }; /* enum action of the acl module */

struct side {
	const char *name;	     /* "kernel", "user" */
	struct load_session session; /* .visor NULL: the kernel */
	struct bpf_object *obj;
	int xdp, tc; /* descriptors of the module's programs */
};

/* True if this process may use the kernel's BPF; otherwise says why not. */
bool side_kernel_usable(void);

/*
 * Loads VISOR_BUILD/modules/NAME.o with the read-only 32-bit globals that are listed as
 * name, value pairs up to a NULL name (consts may be NULL). 0, or negative errno after a
 * message.
 */
struct side_const {
	const char *name;
	uint32_t value;
};
int side_open(struct side *side, const char *module, const struct side_const *consts);
void side_close(struct side *side);

/* The program's verdict, or the negative error of the run. */
int64_t side_run(struct side *side, int prog, const void *data, uint32_t size);

int side_map_set(struct side *side, const char *map, const void *key, const void *value);
/* Adds a prefix of `bytes` address bytes to a map of the acl module. */
int side_prefix_set(struct side *side, const char *map, uint32_t bits, const void *address,
		    size_t bytes, uint32_t action);

/* The entries of a per-CPU map, each value's 64-bit words added up over the CPUs. */
struct side_dump {
	uint32_t key_size, words, n;
	uint8_t *keys;
	uint64_t *sums;
};
int side_dump_read(struct side_dump *dump, struct side *side, const char *map);
/* The sums of the entry with that key, or NULL. */
const uint64_t *side_dump_find(const struct side_dump *dump, const void *key);
void side_dump_print(const struct side_dump *dump, const char *side, const char *map);
void side_dump_free(struct side_dump *dump);

#endif
