/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli/native.h - native code as text, with the instructions and lines it comes from between.
 *
 *     acl_xdp:
 *     ; data = ctx->data;
 *        0: (61) r2 = *(u32 *)(r1 +0)
 *            0: mov rdx, qword ptr [rdi + 0x10]
 *
 * Everything is borrowed for the call. Without the disassembler that a build may lack
 * (Capstone), there are the bytes.
 */
#ifndef CLI_NATIVE_H
#define CLI_NATIVE_H

#include "cli/listing.h"
#include "jit/jit.h"

struct native {
	const uint8_t *bytes;
	uint32_t size;
	uint64_t address;      /* where it runs */
	const uint32_t *entry; /* of each function of the program */
	uint32_t n_funcs;
	const struct jit_line *lines; /* sorted by `at` */
	uint32_t n_lines;
	bool kernel; /* an address is not one of ours */
};

/* `l` has the program's instructions and their names. 0 or -ENOMEM. */
int native_print(const struct native *n, const struct listing *l, FILE *to);
/* An array of objects, one for each instruction of the machine. */
int native_json(const struct native *n, const struct listing *l, struct json *j);

#endif
