/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/text.h - what the verifier knows, in the kernel's words: registers, slots, states,
 * instructions.
 *
 * Text is appended to a struct text, which either borrows a fixed buffer (what does not fit is
 * left out) or owns one that grows (what memory is lacking for is left out; `lost` tells). It is
 * always 0-terminated. One thread.
 */
#ifndef VERIFY_TEXT_H
#define VERIFY_TEXT_H

#include "verify/env.h"

struct text {
	const struct verify_image *image; /* the program's */
	char *buf;
	size_t len, cap;
	bool fixed, lost;
};

/* Over a fixed buffer. */
static inline struct text text_over(const struct env *env, char *buf, size_t size)
{
	buf[0] = '\0';
	return (struct text){.image = env->image, .buf = buf, .cap = size, .fixed = true};
}

void text_put(struct text *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
void text_add(struct text *t, const char *s, size_t len);

/* Numbers as the kernel prints them: small ones decimal. */
void text_signed(struct text *t, int64_t v);
void text_unsigned(struct text *t, uint64_t v);
/* "scalar(id=1,smin=0,...)"; f: the frame whose register or slot it is. */
void text_reg(struct text *t, const struct frame *f, const struct reg *r);
/* " R1=ctx() fp-8=mmmm???? refs=2" of a frame: registers and slots of the masks. */
void text_state(struct text *t, const struct state *s, uint32_t frame, uint16_t regs,
		uint64_t slots);
#define TEXT_ALL_REGS  0x7ff
#define TEXT_ALL_SLOTS UINT64_MAX
/* "r1,r6" and "-8,-16". */
void text_reg_mask(struct text *t, uint16_t regs);
void text_slot_mask(struct text *t, uint64_t slots);
/* "(bf) r6 = r1". Returns its slots. */
int text_insn(struct text *t, const struct env *env, uint32_t i);

#endif
