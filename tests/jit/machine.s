# SPDX-License-Identifier: BSD-2-Clause
# What becomes part of one instruction of a machine; where numbers are kept.

=== x86-64: a sum of registers is part of the access
structure
	r2 = *(u32 *)(r1 +76)
	r3 = *(u32 *)(r1 +8)
	r3 &= 7
	r4 = *(u8 *)(r2 +0)
	r2 += r3
	r0 = *(u8 *)(r2 +3)
	r0 += r4
	exit
x86-64 1 = add v*, v* *# folded
x86-64 1 = load.1 v* +3 *
run mark=1 02 00*3 07 00*29 -> 9

=== x86-64: so is a shift by up to 3
structure
	r2 = *(u32 *)(r1 +76)
	r3 = *(u64 *)(r1 +152)
	r3 &= 0x7ffffff8
	r3 >>= 26
	r4 = *(u8 *)(r2 +0)
	r3 <<= 3
	r2 += r3
	r0 = *(u8 *)(r2 +3)
	r0 += r4
	exit
x86-64 1 = add v*, v* *# folded

=== x86-64: a shift by more is none
structure
	r2 = *(u32 *)(r1 +76)
	r3 = *(u64 *)(r1 +152)
	r4 = *(u8 *)(r2 +0)
	r3 <<= 61
	r3 >>= 57
	r2 += r3
	r0 = *(u8 *)(r2 +3)
	r0 += r4
	exit
x86-64 lacks = shl v* *# folded

=== x86-64: a sum that is more than an address is computed
structure
	r2 = *(u32 *)(r1 +76)
	r3 = *(u32 *)(r1 +8)
	r3 &= 7
	r5 = r2
	r2 += r3
	r0 = *(u8 *)(r2 +3)
	r2 -= r5
	r0 += r2
	exit
x86-64 lacks = add v*, v* *# folded
run mark=1 02 00*3 07 00*29 -> 8

=== the constant part of an address is part of the access
	r2 = *(u32 *)(r1 +76)
	r4 = *(u32 *)(r1 +80)
	r0 = 0
	r5 = r2
	r5 += 24
	if r5 > r4 goto out
	r2 += 4
	r0 = *(u8 *)(r2 +3)
	*(u8 *)(r2 +5) = 1
out:
	exit
simplify has = load.1 v* +7 *
simplify has store.1 v*, 1 +9*
run 00*7 07 00*29 -> 7

=== a part that is not constant is not
structure
	r2 = *(u32 *)(r1 +76)
	r3 = *(u32 *)(r1 +8)
	r3 &= 1
	r4 = *(u8 *)(r2 +0)
	r2 += 4
	r2 += r3
	r0 = *(u8 *)(r2 +3)
	r0 += r4
	exit
simplify has = load.1 v* +7 *
simplify has = add v*, v*
run mark=1 00*8 07 00*29 -> 7

=== x86-64: a load is an operand
map array 4 16 1
	r2 = map[idx:0]+0
	r0 = *(u64 *)(r1 +152)
	r3 = *(u64 *)(r2 +8)
	r0 += r3
	exit
x86-64 1 = load.8 v* *# folded
arm64 lacks = load.8 v* *# folded
run tstamp=6 -> 6

=== x86-64: a load is no operand across a store
map array 4 16 1
	r2 = map[idx:0]+0
	r0 = *(u64 *)(r1 +152)
	r3 = *(u64 *)(r2 +8)
	*(u64 *)(r2 +8) = 1
	r0 += r3
	exit
x86-64 lacks = load.8 v* *# folded
run tstamp=6 -> 6

=== x86-64: a load of another width is no operand
map array 4 16 1
	r2 = map[idx:0]+0
	r0 = *(u64 *)(r1 +152)
	r3 = *(u16 *)(r2 +8)
	r0 += r3
	exit
x86-64 lacks = load.2 v* *# folded
run tstamp=6 -> 6

=== x86-64: a load that is used twice is no operand
map array 4 16 1
	r2 = map[idx:0]+0
	r0 = *(u64 *)(r1 +152)
	r3 = *(u64 *)(r2 +8)
	r0 += r3
	r0 ^= r3
	exit
x86-64 lacks = load.8 v* +8 *# folded
run tstamp=6 -> 6

=== x86-64: a comparison with memory, at its width
	r2 = *(u32 *)(r1 +76)
	r4 = *(u32 *)(r1 +80)
	r0 = 0
	r5 = r2
	r5 += 14
	if r5 > r4 goto out
	r3 = *(u16 *)(r2 +12)
	if r3 != 8 goto out
	r0 = 1
out:
	exit
x86-64 1 = load.2 v* *# folded
x86-64 1 branch32 v* != 8 *
run 00*12 08 00 -> 1
run 00*12 00 08 -> 0

=== x86-64: a comparison with a number that does not fit the width of the memory loads
structure
	r2 = *(u32 *)(r1 +76)
	r0 = 0
	r3 = *(u16 *)(r1 +4)
	r4 = r1
	if r3 s< -1 goto out
	r0 = 1
out:
	exit
x86-64 lacks = load.2 v* *# folded
run -> 1

=== x86-64: addresses that are used often are computed once
structure
	r2 = *(u32 *)(r1 +76)
	r3 = *(u32 *)(r1 +8)
	r3 &= 1
	r0 = 0
	*(u8 *)(r2 +0) = 1
	r2 += r3
	*(u8 *)(r2 +0) = 1
	*(u8 *)(r2 +2) = 1
	*(u8 *)(r2 +4) = 1
	*(u8 *)(r2 +6) = 1
	*(u8 *)(r2 +8) = 1
	exit
x86-64 lacks = add v*, v* *# folded
run 00*64 -> 0

=== arm64: a shifted operand
	r2 = *(u64 *)(r1 +152)
	r3 = *(u32 *)(r1 +8)
	r2 <<= 7
	r0 = r3
	r0 ^= r2
	exit
arm64 1 = shl v*, 7 *# folded
run mark=1 tstamp=1 -> 129

=== arm64: a shifted operand that is used twice is none
	r2 = *(u64 *)(r1 +152)
	r3 = *(u32 *)(r1 +8)
	r2 <<= 7
	r0 = r3
	r0 ^= r2
	r0 *= r2
	exit
arm64 lacks = shl v*, 7 *# folded
run mark=1 tstamp=1 -> 16512

=== arm64: an extended operand
	r2 = *(u64 *)(r1 +152)
	r0 = r2
	r2 = (s8)r2
	r0 += r2
	exit
arm64 1 = sext.1 v* *# folded
run tstamp=0xff -> 254

=== arm64: a product is part of a sum
	r2 = *(u64 *)(r1 +152)
	r3 = *(u32 *)(r1 +8)
	r0 = r2
	r2 *= r3
	r0 += r2
	exit
arm64 1 = mul v*, v* *# folded
run tstamp=5 mark=3 -> 20

=== arm64: a product is no part of an exclusive or
	r2 = *(u64 *)(r1 +152)
	r3 = *(u32 *)(r1 +8)
	r0 = r2
	r2 *= r3
	r0 ^= r2
	exit
arm64 lacks = mul v*, v* *# folded
run tstamp=5 mark=3 -> 10

=== a large number of a loop has a register outside
structure
	r2 = *(u32 *)(r1 +8)
	r2 &= 31
	r0 = *(u64 *)(r1 +152)
	r3 = 0x9e3779b97f4a7c15
again:
	r0 *= r3
	r0 ^= 5
	r2 += -1
	if r2 s> 0 goto again
	exit
x86-64 has @0 * = const -7046029254386353131 # register *
x86-64 lacks @1 * = const -7046029254386353131 # register *
arm64 has @0 * = const -7046029254386353131 # register *
arm64 lacks @1 * = const -7046029254386353131 # register *

=== a small number is part of the instruction, in a loop, too
structure
	r2 = *(u32 *)(r1 +8)
	r2 &= 31
	r0 = *(u64 *)(r1 +152)
again:
	r0 += 7
	r0 ^= 6
	r2 += -1
	if r2 s> 0 goto again
	exit
x86-64 lacks = const * # register *
arm64 lacks = const * # register *

=== a large number is made where it is needed if there is no loop
	r0 = *(u64 *)(r1 +152)
	r2 = *(u32 *)(r1 +8)
	r3 = 0x9e3779b97f4a7c15
	if r2 > 5 goto out
	r0 *= r3
	r0 ^= 3
	r0 *= r3
out:
	exit
x86-64 1 = const -7046029254386353131 # register *
arm64 1 = const -7046029254386353131 # register *
run tstamp=1 mark=6 -> 1
run tstamp=0 mark=1 -> 0xdaa66d2c7ddf743f

=== only some numbers of a loop get registers outside
structure
	r2 = *(u32 *)(r1 +8)
	r2 &= 31
	r0 = *(u64 *)(r1 +152)
again:
	r3 = 0x1111111122222221
	r0 ^= r3
	r3 = 0x1111111122222222
	r0 += r3
	r3 = 0x1111111122222223
	r0 ^= r3
	r3 = 0x1111111122222224
	r0 += r3
	r3 = 0x1111111122222225
	r0 ^= r3
	r3 = 0x1111111122222226
	r0 += r3
	r2 += -1
	if r2 s> 0 goto again
	exit
x86-64 4 @0 * = const * # register *
x86-64 2 @1 * = const * # register *

=== a load is no operand of a sum that is part of an access
map array 4 64 1 constant
	r6 = *(u32 *)(r1 +8)
	r6 &= 7
	r3 = map[idx:0]+0
	*(u64 *)(r10 -16) = r3
	*(u64 *)(r10 -8) = 0
	r1 = r10
	r1 += -8
	call inner
	r2 = *(u64 *)(r10 -16)
	r2 += r6
	r0 = *(u8 *)(r2 +3)
	exit
inner:
	r0 = *(u64 *)(r1 +0)
	exit
x86-64 lacks = load.8 v* *# folded
run mark=1 -> 5

=== an operation on memory is one instruction
map array 4 64 1
	r2 = *(u32 *)(r1 +8)
	r5 = map[idx:0]+0
	r0 = 0
	r6 = *(u64 *)(r5 +8)
	r6 += 1
	*(u64 *)(r5 +8) = r6
	r6 = *(u32 *)(r5 +16)
	r6 ^= r2
	*(u32 *)(r5 +16) = r6
	r6 = *(u16 *)(r5 +20)
	r6 -= r2
	*(u16 *)(r5 +20) = r6
	r6 = *(s8 *)(r5 +22)
	w6 &= w2
	*(u8 *)(r5 +22) = r6
	r6 = *(u8 *)(r5 +23)
	r6 |= 0x81
	*(u8 *)(r5 +23) = r6
	exit
x86-64 1 = add v*, 1 *# folded*
x86-64 1 = xor* v*# folded*
x86-64 1 = sub* v*# folded*
x86-64 1 = and* v*# folded*
x86-64 1 = or* v*# folded*
x86-64 5 = load.[1248]* v* +*# folded*
run mark=7
run mark=0x12345678

=== what is needed otherwise, too, is in a register
map array 4 64 1
	r2 = *(u32 *)(r1 +8)
	r5 = map[idx:0]+0
	r6 = *(u64 *)(r5 +8)
	r6 += 1
	*(u64 *)(r5 +8) = r6
	r0 = r6
	exit
x86-64 lacks = add v*# folded*
run mark=7
run mark=0x12345678

=== what was there before and is needed later is in a register
map array 4 64 1
	r2 = *(u32 *)(r1 +8)
	r5 = map[idx:0]+0
	r6 = *(u64 *)(r5 +8)
	r0 = r6
	r6 += 1
	*(u64 *)(r5 +8) = r6
	exit
x86-64 lacks = add v*# folded*
run mark=7
run mark=0x12345678

=== a store between may be to the same place
map array 4 64 1
	r2 = *(u32 *)(r1 +8)
	r5 = map[idx:0]+0
	r0 = 0
	r6 = *(u64 *)(r5 +8)
	r6 += 1
	*(u32 *)(r5 +12) = r2
	*(u64 *)(r5 +8) = r6
	exit
x86-64 lacks = add v*# folded*
run mark=7
run mark=0x12345678

=== another place, or another size
map array 4 64 1
	r2 = *(u32 *)(r1 +8)
	r5 = map[idx:0]+0
	r0 = 0
	r6 = *(u64 *)(r5 +8)
	r6 += 1
	*(u64 *)(r5 +16) = r6
	r6 = *(u16 *)(r5 +24)
	r6 += 1
	*(u32 *)(r5 +24) = r6
	exit
x86-64 lacks = add* v*# folded*
run mark=7
run mark=0x12345678

=== a number minus what is there
map array 4 64 1
	r2 = *(u32 *)(r1 +8)
	r5 = map[idx:0]+0
	r0 = 0
	r6 = *(u64 *)(r5 +8)
	r7 = r2
	r7 -= r6
	*(u64 *)(r5 +8) = r7
	exit
x86-64 lacks = sub v*, v*# folded*
run mark=7
run mark=0x12345678
