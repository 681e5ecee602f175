/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * visor/module.h - for the BPF side: what an IO module may say about itself.
 *
 * A module is an ordinary BPF object. Its inputs are its programs, its state and
 * configuration are its maps and globals, its outputs are the values its programs return:
 * the verdicts of their hook, and any that it names here:
 *
 *     #include <visor/module.h>
 *
 *     VISOR_OUTPUT(suspicious, 16);
 *
 *     SEC("xdp") int guard(struct xdp_md *ctx)
 *     {
 *             ...
 *             return suspicious;
 *     }
 *
 * A chain links it by name (`guard:suspicious -> inspect`). Values start at 16, clear of
 * the verdicts of every hook. Outside a chain the value is what the hook makes of any
 * number it does not know; nothing here creates a map, an instruction in a program, or a
 * message from a loader.
 *
 * How it is recorded, for readers of objects: in the object's BTF, an ENUM called
 * `visor_output__NAME` with the one member NAME = value, of 4 bytes. It stays there because it is
 * the result type of a static function that nothing calls; loaders leave such functions
 * out. Two outputs of an object have different values.
 *
 * An object may state its version, one to four numbers, which a chain can ask for (`acl@1.2`):
 *
 *     VISOR_VERSION("1.2.3");
 *
 * It is recorded as text with its NUL in a section `.visor.version`, which loaders pass over and
 * which stays when debug information is stripped.
 *
 * This header adds no condition to the licence of the module that includes it.
 */
#ifndef VISOR_MODULE_H
#define VISOR_MODULE_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define VISOR_OUTPUT_MIN 16

/* clang-format off */
#define VISOR_OUTPUT(name, value)                                                                  \
	enum visor_output__##name { name = (value) };                                              \
	__attribute__((used, noinline))                                                            \
	static enum visor_output__##name visor_output__##name##_fn(void)                           \
	{                                                                                          \
		return name;                                                                       \
	}                                                                                          \
	_Static_assert((value) >= VISOR_OUTPUT_MIN && (value) <= 0x7fffffff,                       \
		       "output " #name ": values start at 16")

#define VISOR_VERSION(text)                                                                        \
	__attribute__((used, section(".visor.version")))                                           \
	static const char visor_version[] = text;                                                  \
	_Static_assert(sizeof(text) > 1 && sizeof(text) <= 48, "a version is one to four numbers")
/* clang-format on */

#endif
