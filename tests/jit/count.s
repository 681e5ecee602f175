# SPDX-License-Identifier: BSD-2-Clause
# Loops that count bits.

=== a loop that counts how often a number can be halved is gone through once
	r2 = *(u32 *)(r1 +8)
	r0 = 0
loop:
	w2 >>= 1
	if w2 == 0 goto out
	r0 += 1
	if w0 != 32 goto loop
out:
	exit
simplify has @1 *
count has = bits v*
count has = shr32 v*, v*
run mark=0 -> 0
run mark=1 -> 0
run mark=2 -> 1
run mark=3 -> 1
run mark=0x80000000 -> 31
run mark=0xffffffff -> 31
run mark=0x12345 -> 16

=== the whole of 64 bits, from a number that is not 0
	r2 = *(u64 *)(r1 +152)
	r0 = 100
loop:
	r2 >>= 1
	if r2 == 0 goto out
	r0 += 1
	if r0 != 164 goto loop
out:
	exit
count has = bits v*
run tstamp=0 -> 100
run tstamp=1 -> 100
run tstamp=0xffffffffffffffff -> 163
run tstamp=0x8000000000 -> 139

=== a loop that ends before all bits are counted stays as it is
	r2 = *(u32 *)(r1 +8)
	r0 = 0
loop:
	w2 >>= 1
	if w2 == 0 goto out
	r0 += 1
	if w0 != 31 goto loop
out:
	exit
count lacks = bits *
run mark=0x80000000 -> 31
run mark=0xffffffff -> 31
run mark=0x12345 -> 16

=== a step of two bits is another loop
	r2 = *(u32 *)(r1 +8)
	r0 = 0
loop:
	w2 >>= 2
	if w2 == 0 goto out
	r0 += 1
	if w0 != 32 goto loop
out:
	exit
count lacks = bits *
run mark=0x80000000 -> 15
run mark=0x12345 -> 8

=== a loop that adds something up, too, stays as it is
	r2 = *(u32 *)(r1 +8)
	r3 = 0
	r0 = 0
loop:
	w2 >>= 1
	if w2 == 0 goto out
	r3 += r2
	r0 += 1
	if w0 != 32 goto loop
out:
	r0 = r3
	exit
count lacks = bits *
run mark=8 -> 7

=== a loop that stores stays as it is
map array 4 64 1
	r5 = map[idx:0]+0
	r2 = *(u32 *)(r1 +8)
	r0 = 0
loop:
	w2 >>= 1
	*(u32 *)(r5 +0) = r2
	if w2 == 0 goto out
	*(u32 *)(r5 +4) = r2
	r0 += 1
	if w0 != 32 goto loop
out:
	exit
count lacks = bits *
run mark=8 -> 3

=== the number of bits of a constant
	r2 = 77
	r0 = 0
loop:
	w2 >>= 1
	if w2 == 0 goto out
	r0 += 1
	if w0 != 32 goto loop
out:
	exit
count lacks = bits *
run mark=0 -> 6

=== a loop that looks before it halves
	r2 = *(u32 *)(r1 +8)
	r0 = 0
loop:
	if w2 == 0 goto out
	w2 >>= 1
	r0 += 3
	r3 = r0
	if w3 != 99 goto loop
out:
	exit
count lacks = bits *
run mark=0 -> 0
run mark=5 -> 9

=== two counters, and a number that is looked at before it is halved
	r2 = *(u32 *)(r1 +8)
	r0 = 0
	r3 = 0
loop:
	if w2 == 0 goto out
	w2 >>= 1
	r0 += 3
	r3 += 1
	if w3 != 33 goto loop
out:
	r0 += r2
	exit
count has = bits v*
run mark=0 -> 0
run mark=5 -> 9
run mark=0xffffffff -> 96

=== a limit that is met with the last bit
	r2 = *(u32 *)(r1 +8)
	r3 = 0
loop:
	r0 = 99
	if w2 == 0 goto out
	w2 >>= 1
	r3 += 1
	if w3 != 32 goto loop
	r3 = 77
out:
	r0 = r3
	exit
count lacks = bits v*
run mark=5 -> 3
run mark=0xffffffff -> 77

=== a counter of 32 bits may begin with more than that and never count
	r2 = *(u32 *)(r1 +8)
	r0 = -2
loop:
	w2 >>= 1
	if w2 == 0 goto out
	w0 += 1
	goto loop
out:
	exit
count lacks = bits *
run mark=1 -> 0xfffffffffffffffe
run mark=2 -> 0xffffffff
run mark=5 -> 0

=== what is halved as 32 bits may be more before the first time
	r2 = *(u64 *)(r1 +152)
	r0 = 0
loop:
	r3 = r2
	w2 >>= 1
	if w2 == 0 goto out
	r0 += 1
	goto loop
out:
	r0 += r3
	exit
count lacks = bits *
run tstamp=0x100000000 -> 0x100000000
run tstamp=0x500000003 -> 2
