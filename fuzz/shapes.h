/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz/shapes.h - structured programs that a compiler has work with, accepted nearly always.
 *
 * A program computes with variables, some of which live in registers, the others in slots of the
 * stack; blocks, loops, switches and calls are nested at random, idioms that compilers recognise
 * (or nearly) are strewn in. What became of the variables decides the result and is written to a
 * map. Maps are those of programs.h.
 */
#ifndef FUZZ_SHAPES_H
#define FUZZ_SHAPES_H

#include "programs.h"

/* After programs_seed(); for XDP, SCHED_CLS and SOCKET_FILTER. */
void shapes_generate(uint32_t prog_type, struct programs_one *p);

#endif
