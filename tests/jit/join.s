# SPDX-License-Identifier: BSD-2-Clause
# Loads side by side, and comparisons of numbers in the order of the network.
# Offsets 76 and 80 of the context are where the packet begins and ends.

=== two bytes, the higher one first, are a load and a swap
	r2 = *(u32 *)(r1 +76)
	r3 = *(u32 *)(r1 +80)
	r0 = 0
	r4 = r2
	r4 += 16
	if r4 > r3 goto out
	r5 = *(u8 *)(r2 +2)
	r5 <<= 8
	r6 = *(u8 *)(r2 +3)
	r5 |= r6
	r0 = r5
out:
	exit
simplify 2 = load.1 *
join lacks = load.1 *
join 1 = load.2 v* +2 *
join 1 = bswap.2 v*
run 01*2 12 34 00*12 -> 0x1234


=== two bytes, the lower one first, are a load
	r2 = *(u32 *)(r1 +76)
	r3 = *(u32 *)(r1 +80)
	r0 = 0
	r4 = r2
	r4 += 16
	if r4 > r3 goto out
	r5 = *(u8 *)(r2 +3)
	r5 <<= 8
	r6 = *(u8 *)(r2 +2)
	r5 += r6
	r0 = r5
out:
	exit
join lacks = load.1 *
join lacks = bswap.2 *
join 1 = load.2 v* +2 *
run 01*2 12 34 00*12 -> 0x3412


=== four bytes of the network
	r2 = *(u32 *)(r1 +76)
	r3 = *(u32 *)(r1 +80)
	r0 = 0
	r4 = r2
	r4 += 16
	if r4 > r3 goto out
	r5 = *(u8 *)(r2 +4)
	w5 <<= 24
	r6 = *(u8 *)(r2 +5)
	w6 <<= 16
	w5 |= w6
	r6 = *(u8 *)(r2 +6)
	w6 <<= 8
	w5 |= w6
	r6 = *(u8 *)(r2 +7)
	w5 |= w6
	r0 = r5
out:
	exit
join lacks = load.1 *
join 1 = load.4 v* +4 *
join 1 = bswap.4 v*
run 01*4 12 34 56 78 00*8 -> 0x12345678


=== eight bytes of two halves
	r2 = *(u32 *)(r1 +76)
	r3 = *(u32 *)(r1 +80)
	r0 = 0
	r4 = r2
	r4 += 16
	if r4 > r3 goto out
	r5 = *(u16 *)(r2 +4)
	r6 = *(u16 *)(r2 +6)
	w6 <<= 16
	w5 |= w6
	r7 = *(u8 *)(r2 +11)
	r7 <<= 24
	r8 = *(u8 *)(r2 +10)
	r8 <<= 16
	r7 ^= r8
	r8 = *(u16 *)(r2 +8)
	r7 |= r8
	r7 <<= 32
	r7 |= r5
	r0 = r7
out:
	exit
join lacks = load.1 *
join lacks = load.2 *
join 1 = load.8 v* +4
join lacks = shl *
run 01*4 11 12 13 14 15 16 17 18 00*4 -> 0x1817161514131211


=== halves that were swapped
	r2 = *(u32 *)(r1 +76)
	r3 = *(u32 *)(r1 +80)
	r0 = 0
	r4 = r2
	r4 += 16
	if r4 > r3 goto out
	r5 = *(u16 *)(r2 +4)
	r5 = be16 r5
	r6 = *(u16 *)(r2 +6)
	r6 = be16 r6
	r5 <<= 16
	r5 |= r6
	r0 = r5
out:
	exit
join 1 = load.4 v* +4 *
join 1 = bswap.4 v*
run 01*4 12 34 56 78 00*8 -> 0x12345678


=== bytes that are shifted up
	r2 = *(u32 *)(r1 +76)
	r3 = *(u32 *)(r1 +80)
	r0 = 0
	r4 = r2
	r4 += 16
	if r4 > r3 goto out
	r5 = *(u8 *)(r2 +4)
	r5 <<= 16
	r6 = *(u8 *)(r2 +5)
	r6 <<= 24
	r5 |= r6
	r0 = r5
out:
	exit
join lacks = load.1 *
join 1 = load.2 v* +4 *
join 1 = shl32 v*, 16 *
run 01*4 12 34 56 78 00*8 -> 0x34120000


=== a store between the loads may be to the same place
	r2 = *(u32 *)(r1 +76)
	r3 = *(u32 *)(r1 +80)
	r0 = 0
	r4 = r2
	r4 += 16
	if r4 > r3 goto out
	r5 = *(u8 *)(r2 +2)
	r5 <<= 8
	*(u8 *)(r2 +3) = 9
	r6 = *(u8 *)(r2 +3)
	r5 |= r6
	r0 = r5
out:
	exit
join 2 = load.1 *
join lacks = load.2 *
run 01*2 12 34 00*12 -> 0x1209


=== a call between the loads may change what they load
	r2 = *(u32 *)(r1 +76)
	r3 = *(u32 *)(r1 +80)
	r0 = 0
	r4 = r2
	r4 += 16
	if r4 > r3 goto out
	r5 = r2
	r6 = *(u8 *)(r5 +2)
	r6 <<= 8
	r7 = r5
	call bpf_ktime_get_ns
	r8 = *(u8 *)(r7 +3)
	r6 |= r8
	r0 = r6
out:
	exit
join 2 = load.1 *
join lacks = load.2 *
run 01*2 12 34 00*12 -> 0x1234


=== bytes with a gap
	r2 = *(u32 *)(r1 +76)
	r3 = *(u32 *)(r1 +80)
	r0 = 0
	r4 = r2
	r4 += 16
	if r4 > r3 goto out
	r5 = *(u8 *)(r2 +2)
	r5 <<= 8
	r6 = *(u8 *)(r2 +4)
	r5 |= r6
	r0 = r5
out:
	exit
join 2 = load.1 *
join lacks = load.2 *
run 01*2 12 34 56 00*11 -> 0x1256


=== three bytes stay three loads
	r2 = *(u32 *)(r1 +76)
	r3 = *(u32 *)(r1 +80)
	r0 = 0
	r4 = r2
	r4 += 16
	if r4 > r3 goto out
	r5 = *(u8 *)(r2 +2)
	r5 <<= 16
	r6 = *(u8 *)(r2 +3)
	r6 <<= 8
	r5 |= r6
	r6 = *(u8 *)(r2 +4)
	r5 |= r6
	r0 = r5
out:
	exit
join lacks = load.4 *
run 01*2 12 34 56 00*11 -> 0x123456


=== a byte that is used on its own, too
	r2 = *(u32 *)(r1 +76)
	r3 = *(u32 *)(r1 +80)
	r0 = 0
	r4 = r2
	r4 += 16
	if r4 > r3 goto out
	r5 = *(u8 *)(r2 +2)
	r7 = r5
	r5 <<= 8
	r6 = *(u8 *)(r2 +3)
	r5 |= r6
	r5 += r7
	r0 = r5
out:
	exit
join 2 = load.1 *
join lacks = load.2 *
run 01*2 12 34 00*12 -> 0x1246


=== what is shifted out is not joined
	r2 = *(u32 *)(r1 +76)
	r3 = *(u32 *)(r1 +80)
	r0 = 0
	r4 = r2
	r4 += 16
	if r4 > r3 goto out
	r5 = *(u16 *)(r2 +2)
	w5 <<= 24
	r6 = *(u8 *)(r2 +3)
	w5 |= w6
	r0 = r5
out:
	exit
join has = load.1 *
join lacks = bswap*
run 01*2 12 34 00*12 -> 0x12000034


=== a comparison of swapped bytes swaps the number
	r2 = *(u32 *)(r1 +76)
	r3 = *(u32 *)(r1 +80)
	r0 = 0
	r4 = r2
	r4 += 16
	if r4 > r3 goto out
	r5 = *(u8 *)(r2 +12)
	r5 <<= 8
	r6 = *(u8 *)(r2 +13)
	r5 |= r6
	if r5 != 0x0800 goto out
	r0 = 1
out:
	exit
join lacks = bswap*
join has branch32 v* != 8 *
x86-64 1 = load.2 *# folded*
run 00*12 08 00 00*2 -> 1
run 00*12 00 08 00*2 -> 0


=== an order of swapped bytes is not that of the others
	r2 = *(u32 *)(r1 +76)
	r3 = *(u32 *)(r1 +80)
	r0 = 0
	r4 = r2
	r4 += 16
	if r4 > r3 goto out
	r5 = *(u16 *)(r2 +12)
	r5 = be16 r5
	if r5 > 0x0800 goto out
	r0 = 1
out:
	exit
join has = bswap*
run 00*12 08 00 00*2 -> 1
run 00*12 09 00 00*2 -> 0


=== a comparison of a value that is swapped for something else, too
	r2 = *(u32 *)(r1 +76)
	r3 = *(u32 *)(r1 +80)
	r0 = 0
	r4 = r2
	r4 += 16
	if r4 > r3 goto out
	r5 = *(u16 *)(r2 +12)
	r5 = be16 r5
	r0 = r5
	if r5 != 0x0800 goto out
	r0 = 1
out:
	exit
join 1 = bswap*
join has branch32 v* != 2048 *
run 00*12 08 00 00*2 -> 1
run 00*12 09 00 00*2 -> 0x900


=== bits of swapped bytes
	r2 = *(u32 *)(r1 +76)
	r3 = *(u32 *)(r1 +80)
	r0 = 0
	r4 = r2
	r4 += 16
	if r4 > r3 goto out
	r5 = *(u16 *)(r2 +12)
	r5 = be16 r5
	r5 &= 0x1fff
	if r5 != 0 goto out
	r0 = 1
out:
	exit
join lacks = bswap*
join has branch32 v* & 65311 *
run 00*12 20 00 00*2 -> 1
run 00*12 10 00 00*2 -> 0

