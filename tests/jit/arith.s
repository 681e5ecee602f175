# SPDX-License-Identifier: BSD-2-Clause
# Constants, extensions, shifts, masks, division.
# Offset 8 of the context is mark, 32 bits; offset 152 is tstamp, 64 bits.

=== constants are computed
	r1 = 6
	r2 = 7
	r1 *= r2
	r1 <<= 3
	r1 ^= 5
	w0 = w1
	exit
fold has return 341
fold lacks mul
run -> 341

=== what is not known is not computed
	r0 = *(u32 *)(r1 +8)
	r0 *= 7
	exit
simplify 1 = mul v*, 7
run mark=3 -> 21

=== constants: division by 0 is 0
	r0 = *(u64 *)(r1 +152)
	r2 = 0
	r0 /= r2
	exit
fold has return 0
run tstamp=99 -> 0

=== constants: signed division by 0 is 0
	r0 = *(u64 *)(r1 +152)
	r2 = 0
	r0 s/= r2
	exit
fold has return 0
run tstamp=99 -> 0

=== constants: the rest of a division by 0 is the dividend
	r0 = *(u64 *)(r1 +152)
	r2 = 0
	r0 %= r2
	exit
simplify lacks = umod
simplify has load.8
simplify lacks zext.4
run tstamp=0x123456789 -> 0x123456789

=== constants: the rest of a 32-bit division by 0 is the low half of the dividend
	r0 = *(u64 *)(r1 +152)
	r2 = 0
	w0 %= w2
	exit
simplify lacks umod32
simplify 1 = zext.4
run tstamp=0x123456789 -> 0x23456789

=== constants: the rest of a signed division by 0 is the dividend
	r0 = *(u64 *)(r1 +152)
	r2 = 0
	r0 s%= r2
	exit
simplify lacks = smod
run tstamp=0x8000000000000001 -> 0x8000000000000001

=== constants: the least number by -1
	r0 = 0x8000000000000000
	r2 = -1
	r0 s/= r2
	exit
fold has return -9223372036854775808
run -> 0x8000000000000000

=== constants: the least 32-bit number by -1
	r0 = 0x80000000
	w2 = -1
	w0 s/= w2
	exit
fold has return 2147483648
run -> 0x80000000

=== constants: the rest of the least number by -1
	r0 = 0x8000000000000000
	r2 = -1
	r0 s%= r2
	exit
fold has return 0
run -> 0

=== signed division by -1 is a negation
	r0 = *(u64 *)(r1 +152)
	r0 s/= -1
	exit
fold 1 = neg v*
fold lacks = sdiv
run tstamp=0x8000000000000000 -> 0x8000000000000000
run tstamp=5 -> -5

=== signed division by what may be -1 stays
	r0 = *(u64 *)(r1 +152)
	r2 = *(u32 *)(r1 +8)
	r2 = (s32)r2
	r0 s/= r2
	exit
simplify 1 = sdiv v*
run tstamp=0x8000000000000000 mark=0xffffffff -> 0x8000000000000000
run tstamp=7 mark=0 -> 0

=== a second zero extension disappears
	r0 = *(u32 *)(r1 +8)
	w0 = w0
	w0 += 1
	w0 = w0
	exit
fold lacks zext.4
fold has = add32 v*, 1
run mark=0xffffffff -> 0

=== the zero extension of a 64-bit value stays
	r0 = *(u64 *)(r1 +152)
	w0 = w0
	exit
simplify 1 = zext.4 v*
run tstamp=0x1ffffffff -> 0xffffffff

=== shifts up and down are a zero extension
	r0 = *(u64 *)(r1 +152)
	r0 <<= 32
	r0 >>= 32
	exit
fold 1 = zext.4
fold lacks = shl
fold lacks = shr
run tstamp=0x1ffffffff -> 0xffffffff

=== a sign extension by shifts
	r0 = *(u64 *)(r1 +152)
	r0 <<= 32
	r0 s>>= 32
	exit
fold 1 = sext.4 v*
fold lacks = sar
run tstamp=0x180000000 -> -2147483648

=== a sign extension by shifts of 8 and 16 bits
	r0 = *(u64 *)(r1 +152)
	r2 = r0
	r0 <<= 56
	r0 s>>= 56
	r2 <<= 48
	r2 s>>= 48
	r0 += r2
	exit
fold 1 = sext.1 v*
fold 1 = sext.2 v*
run tstamp=0x80ff -> -32514

=== no sign extension: of 31 bits
	r0 = *(u64 *)(r1 +152)
	r0 <<= 33
	r0 s>>= 33
	exit
simplify lacks sext.4
simplify 1 = sar v*, 33
run tstamp=0x40000000 -> -1073741824

=== no sign extension: shifts of different amounts
	r0 = *(u64 *)(r1 +152)
	r0 <<= 32
	r0 s>>= 31
	exit
simplify lacks sext.4
simplify 1 = sar v*, 31
run tstamp=0x80000000 -> -4294967296

=== the sign extension of a number without sign disappears
	r0 = *(u32 *)(r1 +8)
	r0 &= 0x7fff
	r0 = (s16)r0
	exit
simplify lacks sext.2
run mark=0x7fff -> 0x7fff

=== a rotation
	r1 = *(u32 *)(r1 +8)
	w0 = w1
	w0 <<= 13
	w1 >>= 19
	w0 |= w1
	exit
simplify 1 = rol32 v*, 13
simplify lacks = shl32
simplify lacks = shr32
run mark=0x80000001 -> 0x3000

=== a rotation of 64 bits, by addition
	r1 = *(u64 *)(r1 +152)
	r0 = r1
	r0 >>= 7
	r1 <<= 57
	r0 += r1
	exit
simplify 1 = rol v*, 57
run tstamp=1 -> 0x200000000000000

=== a rotation by exclusive or
	r1 = *(u64 *)(r1 +152)
	r0 = r1
	r0 <<= 1
	r1 >>= 63
	r0 ^= r1
	exit
simplify 1 = rol v*, 1
run tstamp=0x8000000000000001 -> 3

=== no rotation: amounts that do not add up
	r1 = *(u32 *)(r1 +8)
	w0 = w1
	w0 <<= 13
	w1 >>= 18
	w0 |= w1
	exit
simplify lacks rol32
simplify 1 = shl32 v*, 13
simplify 1 = shr32 v*, 18
run mark=0x80000001 -> 0x2000

=== no rotation: of different values
	r2 = *(u32 *)(r1 +32)
	r1 = *(u32 *)(r1 +8)
	w1 <<= 13
	w2 >>= 19
	w1 |= w2
	w0 = w1
	exit
simplify lacks rol32
run mark=1 priority=0x80000 -> 0x2001

=== no rotation: 32 of 64 bits
	r1 = *(u32 *)(r1 +8)
	r0 = r1
	r0 <<= 13
	r1 >>= 19
	r0 |= r1
	exit
simplify lacks rol32
simplify lacks rol
run mark=0x80000001 -> 0x100000003000

=== no rotation: both to the left
	r1 = *(u64 *)(r1 +152)
	r0 = r1
	r0 <<= 7
	r1 <<= 57
	r0 |= r1
	exit
simplify lacks rol

=== a byte swap takes only what it swaps
	r0 = *(u64 *)(r1 +152)
	r0 &= 0xffff
	r0 = be16 r0
	exit
simplify 1 = bswap.2 v*
simplify lacks = zext.2
simplify lacks = and
run tstamp=0x1234 -> 0x3412

=== a byte swap does not take more than was there
	r0 = *(u64 *)(r1 +152)
	r0 &= 0xff
	r0 = be16 r0
	exit
simplify 1 = bswap.2 v*
simplify 1 = zext.1 v*
run tstamp=0x1234 -> 0x3400

=== a byte swap bounds its result
	r0 = *(u64 *)(r1 +152)
	r0 = bswap32 r0
	w0 = w0
	r0 &= 0xffffffff
	exit
simplify 1 = bswap.4 v*
simplify lacks = zext.4
run tstamp=0x0102030405060708 -> 0x08070605

=== little endian is a zero extension here
	r0 = *(u64 *)(r1 +152)
	r0 = le16 r0
	exit
simplify 1 = zext.2 v*
run tstamp=0x12345 -> 0x2345

=== a mask of what is zero disappears
	r0 = *(u32 *)(r1 +8)
	r0 >>= 24
	r0 &= 0xff
	exit
simplify lacks = zext.1
simplify lacks and32
simplify has = shr32 v*, 24
run mark=0xab123456 -> 0xab

=== a mask that cuts off something stays
	r0 = *(u32 *)(r1 +8)
	r0 >>= 23
	r0 &= 0xff
	exit
simplify has = zext.1 v*
run mark=0xffffffff -> 0xff

=== a mask in the middle of a value stays
	r0 = *(u32 *)(r1 +8)
	r0 &= 0x0ff0
	exit
simplify 1 = and32 v*, 4080
run mark=0xffffffff -> 0xff0

=== two masks are one
	r0 = *(u64 *)(r1 +152)
	r0 &= 0x3f0
	r0 &= 0x7ff
	r0 &= 0xffff0
	exit
simplify 1 = and32 v*, 1008
run tstamp=0xffffffff -> 0x3f0

=== shifts of one direction are one
	r0 = *(u64 *)(r1 +152)
	r0 >>= 3
	r0 >>= 5
	exit
simplify 1 = shr v*, 8
run tstamp=0x12300 -> 0x123

=== shifts beyond the width leave nothing
	r0 = *(u64 *)(r1 +152)
	r0 <<= 40
	r0 <<= 40
	exit
fold has return 0

=== the amount of a shift needs no mask
	r2 = *(u32 *)(r1 +8)
	r0 = *(u64 *)(r1 +152)
	r2 &= 63
	r0 <<= r2
	exit
simplify lacks and32
simplify 1 = shl v*
run tstamp=1 mark=65 -> 2

=== the amount of a shift keeps a narrower mask
	r2 = *(u32 *)(r1 +8)
	r0 = *(u64 *)(r1 +152)
	r2 &= 31
	r0 <<= r2
	exit
simplify 1 = and32 v*, 31
run tstamp=1 mark=65 -> 2
run tstamp=1 mark=32 -> 1

=== multiplication by a power of two is a shift
	r0 = *(u64 *)(r1 +152)
	r0 *= 8
	exit
simplify 1 = shl v*, 3
simplify lacks = mul
run tstamp=5 -> 40

=== multiplication by another number stays
	r0 = *(u64 *)(r1 +152)
	r0 *= 9
	exit
simplify 1 = mul v*, 9
simplify lacks = shl

=== division of 32 bits by a constant is a multiplication
	r0 = *(u32 *)(r1 +8)
	r0 /= 10
	exit
simplify 1 = mulhu v*
simplify lacks = udiv
run mark=0xffffffff -> 429496729
run mark=9 -> 0

=== the rest of a division of 32 bits, too
	r0 = *(u32 *)(r1 +8)
	w0 %= 1000
	exit
simplify 1 = mulhu v*
simplify 1 = sub32 v*
simplify lacks umod32
run mark=0xffffffff -> 295

=== division by a large constant
	r0 = *(u32 *)(r1 +8)
	w0 /= 0x80000001
	exit
simplify 1 = mulhu v*
run mark=0xffffffff -> 1
run mark=0x80000000 -> 0

=== division of 64 bits by a constant stays
	r0 = *(u64 *)(r1 +152)
	r0 /= 10
	exit
simplify lacks mulhu
simplify 1 = udiv v*, 10
run tstamp=0xffffffffffffffff -> 1844674407370955161

=== division by what is not known stays
	r0 = *(u32 *)(r1 +8)
	r2 = *(u32 *)(r1 +32)
	w0 /= w2
	exit
simplify lacks mulhu
simplify 1 = udiv32 v*
run mark=7 priority=0 -> 0
run mark=7 priority=2 -> 3

=== signed division by a constant stays
	r0 = *(u32 *)(r1 +8)
	w0 s/= 10
	exit
simplify lacks mulhu
simplify 1 = sdiv32 v*, 10
run mark=0xfffffff6 -> 0xffffffff

=== division by a power of two is a shift
	r0 = *(u64 *)(r1 +152)
	r2 = r0
	r0 /= 16
	r2 %= 16
	r0 += r2
	exit
simplify 1 = shr v*, 4
simplify 1 = and32 v*, 15
simplify lacks = udiv
run tstamp=0x123 -> 21

=== signed division by a power of two is none
	r0 = *(u64 *)(r1 +152)
	r0 s/= 16
	exit
simplify lacks = sar
simplify 1 = sdiv v*, 16
run tstamp=-1 -> 0

=== a value by itself
	r2 = *(u64 *)(r1 +152)
	r0 = r2
	r0 ^= r2
	r3 = r2
	r3 -= r2
	r0 |= r3
	exit
fold has return 0

=== equal values are computed once
	r2 = *(u64 *)(r1 +152)
	r3 = *(u32 *)(r1 +8)
	r0 = r2
	r0 *= r3
	r4 = r2
	r4 *= r3
	r0 ^= r4
	r2 *= r3
	r0 += r2
	exit
fold 1 = mul v*
fold lacks = xor
run tstamp=3 mark=5 -> 15

=== equal values on two ways are computed on each
	r2 = *(u64 *)(r1 +152)
	r3 = *(u32 *)(r1 +8)
	if r3 > 5 goto other
	r2 *= 9
	r0 = r2
	r0 += 1
	exit
other:
	r2 *= 9
	r0 = r2
	exit
simplify 2 = mul v*, 9
run tstamp=3 mark=5 -> 28
run tstamp=3 mark=6 -> 27

=== a value in front of both ways is computed once
	r2 = *(u64 *)(r1 +152)
	r3 = *(u32 *)(r1 +8)
	r0 = r2
	r0 *= 9
	if r3 > 5 goto other
	r2 *= 9
	r0 += r2
	exit
other:
	exit
simplify 1 = mul v*, 9
run tstamp=3 mark=5 -> 54

=== 32 and 64 bits of an operation are different values
	r2 = *(u64 *)(r1 +152)
	r0 = r2
	r0 *= 9
	w2 *= 9
	r0 += r2
	exit
simplify 1 = mul v*, 9
simplify 1 = mul32 v*, 9
run tstamp=0x100000000 -> 0x900000000

=== loads are not values
	r2 = *(u32 *)(r1 +76)
	r3 = *(u32 *)(r1 +80)
	r4 = r2
	r4 += 4
	if r4 > r3 goto out
	r0 = *(u32 *)(r2 +0)
	*(u8 *)(r2 +0) = 7
	r5 = *(u32 *)(r2 +0)
	r0 ^= r5
	exit
out:
	r0 = 0
	exit
simplify 2 load.4
run 05 00 00 00 -> 2

=== sums are the same in either order
	r2 = *(u32 *)(r1 +8)
	r3 = *(u64 *)(r1 +152)
	r4 = r2
	r4 *= r3
	r5 = r3
	r5 *= r2
	r4 ^= r5
	r0 = r4
	exit
simplify has return 0
run mark=3 tstamp=5 -> 0

=== differences are not
	r2 = *(u32 *)(r1 +8)
	r3 = *(u64 *)(r1 +152)
	r4 = r2
	r4 -= r3
	r5 = r3
	r5 -= r2
	r4 ^= r5
	r0 = r4
	exit
simplify 2 = sub v*
run mark=3 tstamp=5 -> -4

=== a product of a quotient that is compared asks for a rest
	r2 = *(u32 *)(r1 +8)
	r3 = *(u32 *)(r1 +32)
	r4 = r2
	w4 /= w3
	w4 *= w3
	r0 = 1
	if w4 == w2 goto out
	r0 = 2
out:
	exit
simplify 1 = umod32 v*
simplify lacks = udiv32*
simplify lacks = mul32*
run mark=12 priority=4 -> 1
run mark=13 priority=4 -> 2
run mark=13 priority=0 -> 2
run mark=0 priority=0 -> 1

=== what is left of a quotient is a rest
	r2 = *(u32 *)(r1 +8)
	r3 = *(u32 *)(r1 +32)
	r4 = r2
	r4 /= r3
	r4 *= r3
	r2 -= r4
	r0 = r2
	exit
simplify 1 = umod* v*
simplify lacks = udiv*
run mark=13 priority=4 -> 1
run mark=13 priority=0 -> 13

=== a quotient that is needed is not divided for twice
	r2 = *(u32 *)(r1 +8)
	r3 = *(u32 *)(r1 +32)
	r4 = r2
	r4 /= r3
	r0 = r4
	r4 *= r3
	r2 -= r4
	r2 <<= 32
	r0 |= r2
	exit
simplify lacks = umod* v*
simplify 1 = udiv*
run mark=13 priority=4 -> 0x100000003
