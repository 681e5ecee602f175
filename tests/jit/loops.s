# SPDX-License-Identifier: BSD-2-Clause
# Loops that become calls of the engine, or begin further on.
# Offsets 76 and 80 of the context are where the packet begins and ends.

=== a loop that copies is a call
map array 4 64 1
	r2 = *(u32 *)(r1 +76)
	r3 = *(u32 *)(r1 +80)
	r0 = 0
	r4 = r2
	r4 += 64
	if r4 > r3 goto out
	r5 = map[idx:0]+0
	r6 = 0
loop:
	r7 = r2
	r7 += r6
	r8 = *(u8 *)(r7 +0)
	r9 = r5
	r9 += r6
	*(u8 *)(r9 +0) = r8
	r6 += 1
	if r6 != 64 goto loop
	r0 = r6
out:
	exit
simplify has @1 *
idioms has = const engine copy
idioms 1 = call v*
idioms lacks @1 *
idioms has return *
run 01*64 -> 64
run 01*63 -> 0

=== a loop that copies words
map array 4 128 1
	r2 = *(u32 *)(r1 +76)
	r3 = *(u32 *)(r1 +80)
	r0 = 0
	r4 = r2
	r4 += 128
	if r4 > r3 goto out
	r5 = map[idx:0]+0
	r6 = 0
loop:
	r8 = *(u64 *)(r2 +0)
	*(u64 *)(r5 +0) = r8
	r2 += 8
	r5 += 8
	r6 += 1
	if r6 != 16 goto loop
	r0 = r6
out:
	exit
idioms has = const engine copy
idioms lacks @1 *
run 07*128 -> 16

=== a copy downwards within the packet is a call
	r2 = *(u32 *)(r1 +76)
	r3 = *(u32 *)(r1 +80)
	r0 = 0
	r4 = r2
	r4 += 65
	if r4 > r3 goto out
	r6 = 0
loop:
	r7 = r2
	r7 += r6
	r8 = *(u8 *)(r7 +1)
	*(u8 *)(r7 +0) = r8
	r6 += 1
	if r6 != 64 goto loop
	r0 = r6
out:
	exit
idioms has = const engine copy
idioms lacks @1 *
run 01*40 02*30 -> 64

=== a copy upwards that reads what it wrote stays
	r2 = *(u32 *)(r1 +76)
	r3 = *(u32 *)(r1 +80)
	r0 = 0
	r4 = r2
	r4 += 65
	if r4 > r3 goto out
	r6 = 0
loop:
	r7 = r2
	r7 += r6
	r8 = *(u8 *)(r7 +0)
	*(u8 *)(r7 +1) = r8
	r6 += 1
	if r6 != 64 goto loop
	r0 = r6
out:
	exit
idioms lacks = call *
idioms has @1 store.1 *
run 01 02*69 -> 64

=== a copy upwards over what it has read is a call
	r2 = *(u32 *)(r1 +76)
	r3 = *(u32 *)(r1 +80)
	r0 = 0
	r4 = r2
	r4 += 128
	if r4 > r3 goto out
	r6 = 0
loop:
	r7 = r2
	r7 += r6
	r8 = *(u8 *)(r7 +0)
	*(u8 *)(r7 +64) = r8
	r6 += 1
	if r6 != 64 goto loop
	r0 = r6
out:
	exit
idioms has = const engine copy
run 01 02*127 -> 64

=== a copy from somewhere unknown stays
map hash 4 64 4
	r2 = *(u32 *)(r1 +76)
	r3 = *(u32 *)(r1 +80)
	r6 = 0
	r4 = r2
	r4 += 64
	if r4 > r3 goto out
	r9 = r2
	*(u32 *)(r10 -4) = 1
	r1 = map[idx:0]
	r2 = r10
	r2 += -4
	call bpf_map_lookup_elem
	r6 = 0
	if r0 == 0 goto out
loop:
	r7 = r0
	r7 += r6
	r8 = *(u8 *)(r7 +0)
	r7 = r9
	r7 += r6
	*(u8 *)(r7 +0) = r8
	r6 += 1
	if r6 != 64 goto loop
out:
	r0 = r6
	exit
idioms lacks = const engine *
idioms has @1 store.1 *

=== a copy of few bytes stays
map array 4 64 1
	r2 = *(u32 *)(r1 +76)
	r3 = *(u32 *)(r1 +80)
	r0 = 0
	r4 = r2
	r4 += 15
	if r4 > r3 goto out
	r5 = map[idx:0]+0
	r6 = 0
loop:
	r7 = r2
	r7 += r6
	r8 = *(u8 *)(r7 +0)
	r9 = r5
	r9 += r6
	*(u8 *)(r9 +0) = r8
	r6 += 1
	if r6 != 15 goto loop
	r0 = r6
out:
	exit
idioms lacks = const engine *
run 09*15 -> 15

=== a copy that changes what it copies stays
map array 4 64 1
	r2 = *(u32 *)(r1 +76)
	r3 = *(u32 *)(r1 +80)
	r0 = 0
	r4 = r2
	r4 += 64
	if r4 > r3 goto out
	r5 = map[idx:0]+0
	r6 = 0
loop:
	r7 = r2
	r7 += r6
	r8 = *(u8 *)(r7 +0)
	r8 ^= 0x20
	r9 = r5
	r9 += r6
	*(u8 *)(r9 +0) = r8
	r6 += 1
	if r6 != 64 goto loop
	r0 = r6
out:
	exit
idioms lacks = const engine *
run 09*64 -> 64

=== a copy with gaps stays
map array 4 64 1
	r2 = *(u32 *)(r1 +76)
	r3 = *(u32 *)(r1 +80)
	r0 = 0
	r4 = r2
	r4 += 64
	if r4 > r3 goto out
	r5 = map[idx:0]+0
	r6 = 0
loop:
	r7 = r2
	r7 += r6
	r8 = *(u8 *)(r7 +0)
	r9 = r5
	r9 += r6
	*(u8 *)(r9 +0) = r8
	r6 += 2
	if r6 != 64 goto loop
	r0 = r6
out:
	exit
idioms lacks = const engine *
run 01*64 -> 64

=== a loop that adds up is a call
	r2 = *(u32 *)(r1 +76)
	r3 = *(u32 *)(r1 +80)
	r0 = 1000
	r4 = r2
	r4 += 64
	if r4 > r3 goto out
	r6 = 0
loop:
	r7 = r2
	r7 += r6
	r8 = *(u16 *)(r7 +0)
	r0 += r8
	r6 += 2
	if r6 != 64 goto loop
out:
	exit
idioms has = const engine sum2
idioms lacks @1 *
run 01 00*63 -> 1001
run ff*64 -> 2098120

=== loops that add up bytes and words are calls
	r2 = *(u32 *)(r1 +76)
	r3 = *(u32 *)(r1 +80)
	r0 = 0
	r4 = r2
	r4 += 64
	if r4 > r3 goto out
	r6 = 0
loop:
	r7 = r2
	r7 += r6
	r8 = *(u8 *)(r7 +0)
	r0 += r8
	r6 += 1
	if r6 != 64 goto loop
	r6 = 0
words:
	r8 = *(u32 *)(r2 +0)
	r0 += r8
	r2 += 4
	r6 += 4
	if r6 != 64 goto words
out:
	exit
idioms has = const engine sum1
idioms has = const engine sum4
idioms lacks @1 *
run 01 00*63 -> 2

=== a loop that uses the sum inside stays
	r2 = *(u32 *)(r1 +76)
	r3 = *(u32 *)(r1 +80)
	r0 = 0
	r5 = 0
	r4 = r2
	r4 += 64
	if r4 > r3 goto out
	r6 = 0
loop:
	r7 = r2
	r7 += r6
	r8 = *(u8 *)(r7 +0)
	r0 += r8
	r5 ^= r0
	r6 += 1
	if r6 != 64 goto loop
	r0 ^= r5
out:
	exit
idioms lacks = const engine *
run 01*64 -> 0

=== a loop that adds the sum itself stays
	r2 = *(u32 *)(r1 +76)
	r3 = *(u32 *)(r1 +80)
	r0 = 0
	r4 = r2
	r4 += 64
	if r4 > r3 goto out
	r6 = 0
loop:
	r7 = r2
	r7 += r6
	r8 = *(u8 *)(r7 +0)
	r8 += r0
	r0 += r8
	r6 += 1
	if r6 != 64 goto loop
out:
	exit
idioms lacks = const engine *
run 01*64 -> -1

=== a loop that adds up 32 bits stays
	r2 = *(u32 *)(r1 +76)
	r3 = *(u32 *)(r1 +80)
	r0 = 0
	r4 = r2
	r4 += 64
	if r4 > r3 goto out
	r6 = 0
loop:
	r7 = r2
	r7 += r6
	r8 = *(u32 *)(r7 +0)
	w0 += w8
	r6 += 4
	if r6 != 64 goto loop
out:
	exit
idioms lacks = const engine *
run ff*64 -> 4294967280

=== a loop that adds up numbers with sign stays
	r2 = *(u32 *)(r1 +76)
	r3 = *(u32 *)(r1 +80)
	r0 = 0
	r4 = r2
	r4 += 64
	if r4 > r3 goto out
	r6 = 0
loop:
	r7 = r2
	r7 += r6
	r8 = *(u16 *)(r7 +0)
	r8 = (s16)r8
	r0 += r8
	r6 += 2
	if r6 != 64 goto loop
out:
	exit
idioms lacks = const engine *
run ff*64 -> -32

=== a comparison of two texts begins further on
map array 4 64 1
	r2 = *(u32 *)(r1 +76)
	r3 = *(u32 *)(r1 +80)
	r6 = 100
	r4 = r2
	r4 += 64
	if r4 > r3 goto out
	r5 = map[idx:0]+0
	r6 = 0
loop:
	r7 = r2
	r7 += r6
	r8 = *(u8 *)(r7 +0)
	r9 = r5
	r9 += r6
	r9 = *(u8 *)(r9 +0)
	if r8 != r9 goto out
	if r8 == 0 goto out
	r6 += 1
	if r6 != 64 goto loop
out:
	r0 = r6
	exit
idioms has = const engine skip_equal_text
idioms has @0 * = call v*
idioms has @1 branch32 *
run 00*64 -> 0
run 01 00*63 -> 0

=== a comparison of bytes begins further on
map array 4 64 1 constant
	r2 = *(u32 *)(r1 +76)
	r3 = *(u32 *)(r1 +80)
	r6 = 100
	r4 = r2
	r4 += 64
	if r4 > r3 goto out
	r5 = map[idx:0]+0
	r6 = 0
loop:
	r7 = r2
	r7 += r6
	r8 = *(u8 *)(r7 +0)
	r9 = r5
	r9 += r6
	r9 = *(u8 *)(r9 +0)
	if r8 != r9 goto out
	r6 += 1
	if r6 != 64 goto loop
out:
	r0 = r6
	exit
idioms has = const engine skip_equal
run 01 02 03 04*61 -> 4
run 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10 11 12 13 14 15 16 17 18*60 -> 24
run 00*64 -> 0

=== a search for a byte begins further on
	r2 = *(u32 *)(r1 +76)
	r3 = *(u32 *)(r1 +80)
	r6 = 100
	r4 = r2
	r4 += 64
	if r4 > r3 goto out
	r6 = 0
loop:
	r7 = r2
	r7 += r6
	r8 = *(u8 *)(r7 +0)
	if r8 == 58 goto out
	r6 += 1
	if r6 != 64 goto loop
out:
	r0 = r6
	exit
idioms has = const engine skip_other
idioms has @1 branch32 v* == 58 *
run 3a*64 -> 0
run 00*5 3a*59 -> 5
run 00*63 3a -> 63
run 00*64 3a -> 64

=== a search stays if it is not known what may be read
structure
	r2 = *(u32 *)(r1 +76)
	r3 = *(u32 *)(r1 +80)
	r6 = 100
	r4 = r2
	r4 += 64
	if r4 > r3 goto out
	r6 = 0
loop:
	r7 = r2
	r7 += r6
	r8 = *(u8 *)(r7 +0)
	if r8 == 58 goto out
	r6 += 1
	if r6 != 64 goto loop
out:
	r0 = r6
	exit
idioms lacks = const engine *
run 00*5 3a*59 -> 5

=== a search on the stack stays
	r6 = 0
	*(u64 *)(r10 -64) = r6
	*(u64 *)(r10 -56) = r6
	*(u64 *)(r10 -48) = r6
	*(u64 *)(r10 -40) = 58
	*(u64 *)(r10 -32) = r6
	*(u64 *)(r10 -24) = r6
	*(u64 *)(r10 -16) = r6
	*(u64 *)(r10 -8) = r6
loop:
	r7 = r10
	r7 += -64
	r7 += r6
	r8 = *(u8 *)(r7 +0)
	if r8 == 58 goto out
	r6 += 1
	if r6 != 64 goto loop
out:
	r0 = r6
	exit
idioms lacks = const engine *
run -> 24

=== a search for one of two bytes stays
	r2 = *(u32 *)(r1 +76)
	r3 = *(u32 *)(r1 +80)
	r6 = 100
	r4 = r2
	r4 += 64
	if r4 > r3 goto out
	r6 = 0
loop:
	r7 = r2
	r7 += r6
	r8 = *(u8 *)(r7 +0)
	if r8 == 58 goto out
	if r8 == 59 goto out
	r6 += 1
	if r6 != 64 goto loop
out:
	r0 = r6
	exit
idioms lacks = const engine *
run 00*5 3b*59 -> 5

=== a search for another byte than this one stays
	r2 = *(u32 *)(r1 +76)
	r3 = *(u32 *)(r1 +80)
	r6 = 100
	r4 = r2
	r4 += 64
	if r4 > r3 goto out
	r6 = 0
loop:
	r7 = r2
	r7 += r6
	r8 = *(u8 *)(r7 +0)
	if r8 != 32 goto out
	r6 += 1
	if r6 != 64 goto loop
out:
	r0 = r6
	exit
idioms lacks = const engine *
run 20*5 3b*59 -> 5

=== a search that writes stays
map array 4 8 1
	r2 = *(u32 *)(r1 +76)
	r3 = *(u32 *)(r1 +80)
	r6 = 100
	r4 = r2
	r4 += 64
	if r4 > r3 goto out
	r5 = map[idx:0]+0
	r6 = 0
loop:
	r7 = r2
	r7 += r6
	r8 = *(u8 *)(r7 +0)
	*(u8 *)(r5 +0) = r8
	if r8 == 58 goto out
	r6 += 1
	if r6 != 64 goto loop
out:
	r0 = r6
	exit
idioms lacks = const engine *
run 01*5 3a*59 -> 5
