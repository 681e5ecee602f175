/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tests/verify/world.h - what a test program needs around it: maps with special fields, types.
 *
 * One description, from the comment lines of the program, of which both sides get theirs: the
 * verifier a struct verify_image, the kernel descriptors.
 *
 *   # map: NAME TYPE KEY VALUE ENTRIES [FLAGS]    a map; TYPE as bpftool prints it
 *   # inner: NAME INNER                           a map of maps holds maps like INNER
 *   # struct: NAME SIZE                           a type of the program's own
 *   # types                                       functions have types, whether needed or not
 *   # global                                    functions are global, and take a pointer to a u64
 *   # field: NAME OFFSET WHAT [STRUCT]            of a map's value or such a type: bpf_spin_lock,
 *                                                 bpf_timer, ..., kptr STRUCT, u64
 *   # field: NAME OFFSET bpf_list_head STRUCT:MEMBER   likewise bpf_rb_root; members are f0, f1,
 * ... # text: NAME TEXT                             the only entry of a frozen, read-only array
 */
#ifndef TESTS_VERIFY_WORLD_H
#define TESTS_VERIFY_WORLD_H

#include "btf/btf.h"
#include "verify/verify.h"

#define WORLD_MAPS    8
#define WORLD_FIELDS  8
#define WORLD_STRUCTS 4
#define WORLD_FUNCS   8

struct world_field {
	uint32_t offset;
	char what[32], of[32];
};

/* What has fields: a map's value, a type of the program's own. */
struct world_fields {
	struct world_field fields[WORLD_FIELDS];
	uint32_t n;
};

struct world_map {
	struct map_desc desc;
	char inner[16], text[128];
	struct world_fields fields;
	uint32_t value_type;
	int fd;
};

struct world {
	struct world_map maps[WORLD_MAPS];
	uint32_t n_maps;
	struct {
		char name[32];
		uint32_t size, type;
		struct world_fields fields;
	} structs[WORLD_STRUCTS];
	uint32_t n_structs;
	bool want_types, global;

	/* Made of it. */
	uint8_t *types; /* BTF: the records, then the strings are appended */
	char *strings;
	uint32_t n_types, types_len, strings_len;
	uint32_t special[BTF_FIELD_COUNT]; /* types of special fields */
	void *data;
	uint32_t data_len;
	struct btf *btf;
	struct verify_map view[WORLD_MAPS];
	struct bpf_func_info funcs[WORLD_FUNCS];
	uint32_t n_funcs;
	int btf_fd;
};

/* Takes a comment line; false if it is not about the world. Exits if it is wrong. */
bool world_line(struct world *w, const char *line);
/* The map's number, for isa_asm_opts. */
int world_map_number(void *world, const char *name);
/* Types, if anything needs them; func_info for each function of the program. */
void world_build(struct world *w, const struct bpf_insn *insns, uint32_t n, bool need_types);
/* Our side: fills maps and types of the image; map references in insns become indices. */
void world_image(struct world *w, struct verify_image *image, struct bpf_insn *insns,
		 struct btf_target *target);
/* The kernel's: makes maps, fills in descriptors. -errno of what the kernel refused. */
int world_kernel(struct world *w, union bpf_attr *attr, struct bpf_insn *insns, uint32_t n);
void world_free(struct world *w);

#endif
