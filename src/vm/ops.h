/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm/ops.h - what each instruction does, said once (RFC 9669, sections 4 and 5).
 *
 * BODY_<id> is the text of instruction <id> of isa.def; every interpreter expands isa.def
 * and puts these texts between its own operand fetch and dispatch. So a row without a body
 * does not compile. Control flow and calls depend on how an interpreter keeps its frames
 * and are in the interpreters themselves.
 *
 * Names a body may use:
 *   D, S    ALU: value of dst (assignable) and of src or the sign-extended immediate,
 *           both uint64_t; jumps: the two operands, the body is the condition;
 *           loads: D is the result; stores: S is the value
 *   LOAD(type), STORE(type, value)   the memory operand, any alignment
 *   CELL(type)  pointer to the memory operand of an atomic
 *   SRC, R0     atomics: the registers themselves, assignable
 * For classic packet accesses the body is the size in bytes.
 */
#ifndef VM_OPS_H
#define VM_OPS_H

#include <endian.h>

#define W(x)  ((uint32_t)(x))
#define SX(x) ((int64_t)(x))
#define SW(x) ((int32_t)(x))
#define ZW(x) ((uint64_t)(uint32_t)(x))

/* clang-format off */

/* ---- arithmetic: overflow wraps, division by zero gives 0, modulo zero leaves dst ------ */

#define BODY_ADD64_RR  D += S
#define BODY_ADD32_RR  D = ZW(W(D) + W(S))
#define BODY_SUB64_RR  D -= S
#define BODY_SUB32_RR  D = ZW(W(D) - W(S))
#define BODY_MUL64_RR  D *= S
#define BODY_MUL32_RR  D = ZW(W(D) * W(S))
#define BODY_DIV64_RR  D = S ? D / S : 0
#define BODY_DIV32_RR  D = W(S) ? W(D) / W(S) : 0
#define BODY_MOD64_RR  D = S ? D % S : D
#define BODY_MOD32_RR  D = W(S) ? W(D) % W(S) : W(D)
/* The smallest number by -1 overflows: it is negated (to itself), the remainder is 0. */
#define BODY_SDIV64_RR D = S == 0 ? 0 : SX(S) == -1 ? -D : (uint64_t)(SX(D) / SX(S))
#define BODY_SDIV32_RR D = W(S) == 0 ? 0 : SW(S) == -1 ? ZW(-W(D)) : ZW(SW(D) / SW(S))
#define BODY_SMOD64_RR D = S == 0 ? D : SX(S) == -1 ? 0 : (uint64_t)(SX(D) % SX(S))
#define BODY_SMOD32_RR D = W(S) == 0 ? W(D) : SW(S) == -1 ? 0 : ZW(SW(D) % SW(S))
#define BODY_OR64_RR   D |= S
#define BODY_OR32_RR   D = W(D | S)
#define BODY_AND64_RR  D &= S
#define BODY_AND32_RR  D = W(D & S)
#define BODY_XOR64_RR  D ^= S
#define BODY_XOR32_RR  D = W(D ^ S)
#define BODY_LSH64_RR  D <<= S & 63
#define BODY_LSH32_RR  D = ZW(W(D) << (S & 31))
#define BODY_RSH64_RR  D >>= S & 63
#define BODY_RSH32_RR  D = ZW(W(D) >> (S & 31))
#define BODY_ARSH64_RR D = (uint64_t)(SX(D) >> (S & 63))
#define BODY_ARSH32_RR D = ZW(SW(D) >> (S & 31))
#define BODY_MOV64_RR  D = S
#define BODY_MOV32_RR  D = W(S)

/* With an immediate: the same. */
#define BODY_ADD64_RI  BODY_ADD64_RR
#define BODY_ADD32_RI  BODY_ADD32_RR
#define BODY_SUB64_RI  BODY_SUB64_RR
#define BODY_SUB32_RI  BODY_SUB32_RR
#define BODY_MUL64_RI  BODY_MUL64_RR
#define BODY_MUL32_RI  BODY_MUL32_RR
#define BODY_DIV64_RI  BODY_DIV64_RR
#define BODY_DIV32_RI  BODY_DIV32_RR
#define BODY_SDIV64_RI BODY_SDIV64_RR
#define BODY_SDIV32_RI BODY_SDIV32_RR
#define BODY_MOD64_RI  BODY_MOD64_RR
#define BODY_MOD32_RI  BODY_MOD32_RR
#define BODY_SMOD64_RI BODY_SMOD64_RR
#define BODY_SMOD32_RI BODY_SMOD32_RR
#define BODY_OR64_RI   BODY_OR64_RR
#define BODY_OR32_RI   BODY_OR32_RR
#define BODY_AND64_RI  BODY_AND64_RR
#define BODY_AND32_RI  BODY_AND32_RR
#define BODY_XOR64_RI  BODY_XOR64_RR
#define BODY_XOR32_RI  BODY_XOR32_RR
#define BODY_LSH64_RI  BODY_LSH64_RR
#define BODY_LSH32_RI  BODY_LSH32_RR
#define BODY_RSH64_RI  BODY_RSH64_RR
#define BODY_RSH32_RI  BODY_RSH32_RR
#define BODY_ARSH64_RI BODY_ARSH64_RR
#define BODY_ARSH32_RI BODY_ARSH32_RR
#define BODY_MOV64_RI  BODY_MOV64_RR
#define BODY_MOV32_RI  BODY_MOV32_RR

#define BODY_NEG64 D = -D
#define BODY_NEG32 D = ZW(-W(D))

#define BODY_MOVSX8_64  D = (uint64_t)(int8_t)S
#define BODY_MOVSX16_64 D = (uint64_t)(int16_t)S
#define BODY_ADDR_SPACE_CAST D = S /* refused at decoding: there are no arenas yet */
#define BODY_MOVSX32_64 D = (uint64_t)(int32_t)S
#define BODY_MOVSX8_32  D = ZW((int8_t)S)
#define BODY_MOVSX16_32 D = ZW((int16_t)S)

#define BODY_LE16    D = htole16((uint16_t)D)
#define BODY_LE32    D = htole32(W(D))
#define BODY_LE64    D = htole64(D)
#define BODY_BE16    D = htobe16((uint16_t)D)
#define BODY_BE32    D = htobe32(W(D))
#define BODY_BE64    D = htobe64(D)
#define BODY_BSWAP16 D = __builtin_bswap16((uint16_t)D)
#define BODY_BSWAP32 D = __builtin_bswap32(W(D))
#define BODY_BSWAP64 D = __builtin_bswap64(D)

/* ---- conditions ------------------------------------------------------------------------ */

#define BODY_JEQ64_RR  D == S
#define BODY_JEQ32_RR  W(D) == W(S)
#define BODY_JNE64_RR  D != S
#define BODY_JNE32_RR  W(D) != W(S)
#define BODY_JGT64_RR  D > S
#define BODY_JGT32_RR  W(D) > W(S)
#define BODY_JGE64_RR  D >= S
#define BODY_JGE32_RR  W(D) >= W(S)
#define BODY_JLT64_RR  D < S
#define BODY_JLT32_RR  W(D) < W(S)
#define BODY_JLE64_RR  D <= S
#define BODY_JLE32_RR  W(D) <= W(S)
#define BODY_JSGT64_RR SX(D) > SX(S)
#define BODY_JSGT32_RR SW(D) > SW(S)
#define BODY_JSGE64_RR SX(D) >= SX(S)
#define BODY_JSGE32_RR SW(D) >= SW(S)
#define BODY_JSLT64_RR SX(D) < SX(S)
#define BODY_JSLT32_RR SW(D) < SW(S)
#define BODY_JSLE64_RR SX(D) <= SX(S)
#define BODY_JSLE32_RR SW(D) <= SW(S)
#define BODY_JSET64_RR (D & S) != 0
#define BODY_JSET32_RR W(D & S) != 0

#define BODY_JEQ64_RI  BODY_JEQ64_RR
#define BODY_JEQ32_RI  BODY_JEQ32_RR
#define BODY_JNE64_RI  BODY_JNE64_RR
#define BODY_JNE32_RI  BODY_JNE32_RR
#define BODY_JGT64_RI  BODY_JGT64_RR
#define BODY_JGT32_RI  BODY_JGT32_RR
#define BODY_JGE64_RI  BODY_JGE64_RR
#define BODY_JGE32_RI  BODY_JGE32_RR
#define BODY_JLT64_RI  BODY_JLT64_RR
#define BODY_JLT32_RI  BODY_JLT32_RR
#define BODY_JLE64_RI  BODY_JLE64_RR
#define BODY_JLE32_RI  BODY_JLE32_RR
#define BODY_JSGT64_RI BODY_JSGT64_RR
#define BODY_JSGT32_RI BODY_JSGT32_RR
#define BODY_JSGE64_RI BODY_JSGE64_RR
#define BODY_JSGE32_RI BODY_JSGE32_RR
#define BODY_JSLT64_RI BODY_JSLT64_RR
#define BODY_JSLT32_RI BODY_JSLT32_RR
#define BODY_JSLE64_RI BODY_JSLE64_RR
#define BODY_JSLE32_RI BODY_JSLE32_RR
#define BODY_JSET64_RI BODY_JSET64_RR
#define BODY_JSET32_RI BODY_JSET32_RR

/* ---- memory ----------------------------------------------------------------------------- */

#define BODY_LDX_B   D = LOAD(uint8_t)
#define BODY_LDX_H   D = LOAD(uint16_t)
#define BODY_LDX_W   D = LOAD(uint32_t)
#define BODY_LDX_DW  D = LOAD(uint64_t)
#define BODY_LDXS_B  D = LOAD(int8_t)
#define BODY_LDXS_H  D = LOAD(int16_t)
#define BODY_LDXS_W  D = LOAD(int32_t)
#define BODY_STX_B   STORE(uint8_t, S)
#define BODY_STX_H   STORE(uint16_t, S)
#define BODY_STX_W   STORE(uint32_t, S)
#define BODY_STX_DW  STORE(uint64_t, S)
#define BODY_ST_B    BODY_STX_B
#define BODY_ST_H    BODY_STX_H
#define BODY_ST_W    BODY_STX_W
#define BODY_ST_DW   BODY_STX_DW

/* ---- atomics: read-modify-write is fully ordered; 32-bit results are zero-extended ------- */

#define ATOMIC_RMW(op, type) __atomic_fetch_##op(CELL(type), (type)SRC, __ATOMIC_SEQ_CST)

#define BODY_ATOMIC_ADD64 (void)ATOMIC_RMW(add, uint64_t)
#define BODY_ATOMIC_ADD32 (void)ATOMIC_RMW(add, uint32_t)
#define BODY_ATOMIC_OR64  (void)ATOMIC_RMW(or, uint64_t)
#define BODY_ATOMIC_OR32  (void)ATOMIC_RMW(or, uint32_t)
#define BODY_ATOMIC_AND64 (void)ATOMIC_RMW(and, uint64_t)
#define BODY_ATOMIC_AND32 (void)ATOMIC_RMW(and, uint32_t)
#define BODY_ATOMIC_XOR64 (void)ATOMIC_RMW(xor, uint64_t)
#define BODY_ATOMIC_XOR32 (void)ATOMIC_RMW(xor, uint32_t)
#define BODY_FETCH_ATOMIC_ADD64 SRC = ATOMIC_RMW(add, uint64_t)
#define BODY_FETCH_ATOMIC_ADD32 SRC = ATOMIC_RMW(add, uint32_t)
#define BODY_FETCH_ATOMIC_OR64  SRC = ATOMIC_RMW(or, uint64_t)
#define BODY_FETCH_ATOMIC_OR32  SRC = ATOMIC_RMW(or, uint32_t)
#define BODY_FETCH_ATOMIC_AND64 SRC = ATOMIC_RMW(and, uint64_t)
#define BODY_FETCH_ATOMIC_AND32 SRC = ATOMIC_RMW(and, uint32_t)
#define BODY_FETCH_ATOMIC_XOR64 SRC = ATOMIC_RMW(xor, uint64_t)
#define BODY_FETCH_ATOMIC_XOR32 SRC = ATOMIC_RMW(xor, uint32_t)
#define BODY_XCHG64 SRC = __atomic_exchange_n(CELL(uint64_t), SRC, __ATOMIC_SEQ_CST)
#define BODY_XCHG32 SRC = __atomic_exchange_n(CELL(uint32_t), W(SRC), __ATOMIC_SEQ_CST)

#define ATOMIC_CMPXCHG(type)                                                                       \
	do {                                                                                       \
		type old_ = (type)R0;                                                              \
		__atomic_compare_exchange_n(CELL(type), &old_, (type)SRC, false, __ATOMIC_SEQ_CST, \
					    __ATOMIC_SEQ_CST);                                     \
		R0 = old_;                                                                         \
	} while (0)
#define BODY_CMPXCHG64 ATOMIC_CMPXCHG(uint64_t)
#define BODY_CMPXCHG32 ATOMIC_CMPXCHG(uint32_t)

#define BODY_LOAD_ACQ_B  D = __atomic_load_n(CELL(uint8_t), __ATOMIC_ACQUIRE)
#define BODY_LOAD_ACQ_H  D = __atomic_load_n(CELL(uint16_t), __ATOMIC_ACQUIRE)
#define BODY_LOAD_ACQ_W  D = __atomic_load_n(CELL(uint32_t), __ATOMIC_ACQUIRE)
#define BODY_LOAD_ACQ_DW D = __atomic_load_n(CELL(uint64_t), __ATOMIC_ACQUIRE)
#define BODY_STORE_REL_B  __atomic_store_n(CELL(uint8_t), (uint8_t)SRC, __ATOMIC_RELEASE)
#define BODY_STORE_REL_H  __atomic_store_n(CELL(uint16_t), (uint16_t)SRC, __ATOMIC_RELEASE)
#define BODY_STORE_REL_W  __atomic_store_n(CELL(uint32_t), W(SRC), __ATOMIC_RELEASE)
#define BODY_STORE_REL_DW __atomic_store_n(CELL(uint64_t), SRC, __ATOMIC_RELEASE)

/* ---- classic packet access: bytes --------------------------------------------------------- */

#define BODY_LD_ABS_B 1
#define BODY_LD_ABS_H 2
#define BODY_LD_ABS_W 4
#define BODY_LD_IND_B 1
#define BODY_LD_IND_H 2
#define BODY_LD_IND_W 4

/* clang-format on */

#endif
