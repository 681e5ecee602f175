# SPDX-License-Identifier: BSD-2-Clause
# Numbers that a program chooses are kept out of its code.

=== each use of a number is made of two others
hidden 0xa8909090 0xb8909090 0xc8909090 0xd8909090 0x176f6f70
x86-64 has xor32*
run mark=1
	r6 = *(u32 *)(r1 +8)
	w6 ^= 0xa8909090
	w6 |= 0xb8909090
	w6 += 0xc8909090
	w6 &= 0xd8909090
	w6 -= 0xe8909090
	w0 = w6
	exit

=== numbers of 64 bits
hidden 0x9090e8a8c3909090 0x9090e8a8c3909190 0x7fffffff90909090
x86-64 has xor *
run mark=5
	r6 = *(u32 *)(r1 +8)
	r2 = 0x9090e8a8c3909090 ll
	r6 ^= r2
	r3 = 0x9090e8a8c3909190 ll
	r6 += r3
	r4 = 0x7fffffff90909090 ll
	r6 |= r4
	r0 = r6
	exit

=== what folding makes of two numbers
hidden 0x30909090
x86-64 lacks *, 814780560 *
run mark=5
	r6 = *(u32 *)(r1 +8)
	r2 = 0x10101010
	r2 += 0x20808080
	w6 ^= w2
	r0 = r6
	exit

=== values that are stored, compared, returned, passed on and divided by
hidden 0xa8909091 0x28909092 0x28909093 0xa8909094
x86-64 lacks *store*, -1466920815 *
run mark=0xa8909094
run mark=0x28909092
	r6 = *(u32 *)(r1 +8)
	*(u32 *)(r1 +8) = 0xa8909091
	if w6 > 0x28909092 goto more
	r0 = 0x28909093
	exit
more:
	r2 = 0
	if w6 == 0xa8909094 goto same
	r0 = 7
	exit
same:
	w6 /= 0x1234567
	r0 = r6
	exit

=== where ways meet, and in a loop
hidden 0x28909095 0x28909096
x86-64 has xor32 *
run mark=3
run mark=0
	r6 = *(u32 *)(r1 +8)
	w6 &= 15
	r7 = 0x28909095
	if w6 > 7 goto loop
	r7 = 0x28909096
loop:
	w7 ^= w6
	w6 -= 1
	if w6 s> 0 goto loop
	r0 = r7
	exit

=== bytes stay where they are
hidden 0x28909097
x86-64 has add32 *, 5 *
x86-64 has shl *, 40 *
run mark=3
	r6 = *(u32 *)(r1 +8)
	w6 += 5
	r6 <<= 40
	r6 ^= 0x28909097
	r0 = r6
	exit

=== numbers are not hidden unless that is asked for
x86-64 has xor32 *, 680562839
	r6 = *(u32 *)(r1 +8)
	w6 ^= 0x28909097
	r0 = r6
	exit
