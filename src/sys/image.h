/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sys/image.h - what the attributes of BPF_PROG_LOAD say, copied, as verification takes it.
 *
 * A struct image owns its arrays (image_free) but not what descriptors stand for: maps and BTF
 * are the business of whoever resolves them, and must live as long as the image is verified.
 * Attributes are hostile: everything that they point to is read once.
 */
#ifndef SYS_IMAGE_H
#define SYS_IMAGE_H

#include "verify/verify.h"

#define IMAGE_MAX_INSNS 1000000

struct image {
	struct bpf_insn *insns; /* after image_resolve: map references by index */
	uint32_t n_insns;
	struct bpf_func_info *func_info;
	uint32_t n_func_info;
	struct bpf_line_info *line_info;
	uint32_t n_line_info;
	const struct btf **fd_array; /* of kernel modules; [0] unused, NULL where there is none */
	uint32_t n_fd_array, cap_fd_array;
	bool gpl;
	char license[128], name[BPF_OBJ_NAME_LEN];
};

/* Whose the descriptors are. */
struct image_source {
	/* Index of the map in the program's list; negative errno with the diagnostic filled. */
	int (*map)(void *user, int fd, uint32_t insn);
	/* The BTF behind a descriptor, or NULL. Without this function there are no modules. */
	const struct btf *(*btf)(void *user, int fd);
	void *user;
};

/* -E2BIG: too many instructions, or none. image_read asks, too. */
int image_check_count(const union bpf_attr *attr, struct visor_diag *diag);
/* Instructions, licence, name. The image is to be freed, whatever the result. */
int image_read(struct image *m, const union bpf_attr *attr, struct visor_diag *diag);
/* Functions and lines: only for a program that comes with BTF. */
int image_read_info(struct image *m, const union bpf_attr *attr, struct visor_diag *diag);
/* Descriptors in the instructions become indices. */
int image_resolve(struct image *m, const union bpf_attr *attr, const struct image_source *from,
		  struct visor_diag *diag);
/* Do functions and lines fit the program that came out of it? Verification alone does not ask. */
int image_check_info(const struct verify_image *image, const struct verified *code,
		     struct visor_diag *diag);
/* The part of a struct verify_image that an image knows; the rest stays as it is. */
void image_fill(const struct image *m, struct verify_image *out);
void image_free(struct image *m);

/* True if the instruction refers to a map. *by_index: through fd_array. */
bool image_insn_is_map(const struct bpf_insn *insn, bool *by_index);

#endif
