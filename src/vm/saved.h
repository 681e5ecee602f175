/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm/saved.h - native code that outlives the process.
 *
 * What is saved holds no addresses: where code has one, there is a relocation, as the compiler made
 * it. The key is a digest of all that the compiler saw; who keeps the bytes (struct vm_keep)
 * vouches that nobody else could write them, since they will be executed.
 */
#ifndef VM_SAVED_H
#define VM_SAVED_H

#include "jit/jit.h"
#include "vm/prog.h"

/* The key of a program; false: its code cannot be saved. */
bool saved_key(const struct vm_prog *prog, uint32_t features, uint8_t key[VM_KEY_SIZE]);
/* Code to bytes, to be freed; NULL: it holds something that has no name, or no memory. */
void *saved_write(const struct vm_prog *prog, const struct jit_env *env,
		  const struct jit_code *code, const uint8_t key[VM_KEY_SIZE], size_t *size);
/* Bytes to code, which uses them: they must live as long as it, and change. False: these are not
 * the bytes that were saved under this key. */
bool saved_read(const struct vm_prog *prog, const struct jit_env *env, void *bytes, size_t size,
		const uint8_t key[VM_KEY_SIZE], struct jit_code *code);

#endif
