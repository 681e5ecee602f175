# SPDX-License-Identifier: BSD-2-Clause
# Branches, and trees of them that become tables.

=== a masked value is compared without being computed
	r2 = *(u32 *)(r1 +8)
	r0 = 1
	r2 &= 12
	if r2 == 0 goto out
	r0 = 2
out:
	exit
simplify 1 branch32 v* !& 12 *
simplify lacks and32
run mark=16 -> 1
run mark=24 -> 2

=== a masked value that is not compared with 0 is computed
	r2 = *(u32 *)(r1 +8)
	r0 = 1
	r2 &= 12
	if r2 == 8 goto out
	r0 = 2
out:
	exit
simplify 1 branch32 v* == 8 *
simplify 1 = and32 v*, 12
run mark=8 -> 1
run mark=12 -> 2

=== a difference is compared with 0 as its sides
	r2 = *(u64 *)(r1 +152)
	r3 = *(u32 *)(r1 +8)
	r0 = 1
	r2 -= r3
	if r2 == 0 goto out
	r0 = 2
out:
	exit
simplify 1 branch v* == v* *
simplify lacks = sub
run mark=5 tstamp=5 -> 1
run mark=5 tstamp=0x100000005 -> 2

=== the low half of a difference is not the difference
	r2 = *(u64 *)(r1 +152)
	r3 = *(u64 *)(r1 +152)
	r3 >>= 1
	r0 = 1
	r2 -= r3
	if w2 == 0 goto out
	r0 = 2
out:
	exit
simplify lacks branch v*
simplify has branch32 v*
run tstamp=0x400000000 -> 1
run tstamp=6 -> 2

=== a branch that bounds decide
structure
	r2 = *(u32 *)(r1 +8)
	r0 = 1
	r2 &= 0xff
	if r2 > 256 goto out
	r0 = 2
out:
	exit
fold lacks branch*
merge has return 2
run mark=0xffff -> 2

=== a branch that bounds do not decide
structure
	r2 = *(u32 *)(r1 +8)
	r0 = 1
	r2 &= 0xff
	if r2 > 254 goto out
	r0 = 2
out:
	exit
switch 1 branch32 v* > 254 *
run mark=255 -> 1
run mark=254 -> 2

=== bounds do not decide a signed comparison with a negative number
structure
	r2 = *(u32 *)(r1 +8)
	r0 = 1
	r2 &= 0xff
	if r2 s> -1 goto out
	r0 = 2
out:
	exit
run mark=255 -> 1
run mark=0 -> 1
simplify lacks branch32 v* > 4294967295 *

=== a branch that verification decides
	r2 = *(u32 *)(r1 +8)
	r0 = 1
	r2 &= 7
	r2 += 1
	if r2 == 0 goto out
	r0 = 2
	exit
out:
	r0 = 3
	exit
build lacks branch*
merge has return 2

=== a branch that verification does not decide
	r2 = *(u32 *)(r1 +8)
	r0 = 1
	r2 &= 7
	r2 += 1
	if r2 == 8 goto out
	r0 = 2
out:
	exit
simplify has branch32 v* == 8 *
run mark=7 -> 1

=== a branch on equal values
structure
	r2 = *(u64 *)(r1 +152)
	r3 = r2
	r0 = 1
	if r2 s>= r3 goto out
	r0 = 2
out:
	exit
fold lacks branch*
merge has return 1

=== a test of bits of equal values stays
	r2 = *(u64 *)(r1 +152)
	r3 = r2
	r0 = 1
	if r2 & r3 goto out
	r0 = 2
out:
	exit
simplify has branch v* & v* *
run tstamp=0 -> 2
run tstamp=4 -> 1

=== a branch that constants of a map decide: by verification
map array 4 16 1 constant
	r1 = map[idx:0]+0
	r2 = *(u32 *)(r1 +4)
	r0 = 1
	if r2 == 0x08070605 goto out
	r0 = 2
out:
	exit
fold lacks load*
fold lacks branch*
merge has return 1
run -> 1

=== a branch that constants of a map decide: by the compiler
structure
map array 4 16 1 constant
	r1 = map[idx:0]+0
	r2 = *(s8 *)(r1 +4)
	r0 = 1
	if r2 == 5 goto out
	r0 = 2
out:
	exit
build has load.1s
fold lacks load*
fold lacks branch*
merge has return 1
run -> 1

=== values of a map that is not constant are loaded
map array 4 16 1
	r1 = map[idx:0]+0
	r2 = *(u32 *)(r1 +4)
	r0 = 1
	if r2 == 0x08070605 goto out
	r0 = 2
out:
	exit
simplify has = load.4
simplify has branch32 v* == 134678021 *
run -> 2

=== constants at a place that is not known are loaded
map array 4 16 1 constant
	r2 = *(u32 *)(r1 +8)
	r2 &= 7
	r1 = map[idx:0]+0
	r1 += r2
	r0 = *(u8 *)(r1 +0)
	exit
simplify has = load.1
run mark=2 -> 3

=== phis that have one value
	r2 = *(u32 *)(r1 +8)
	r0 = 1
	if r2 == 3 goto on
	r0 = 1
on:
	r3 = *(u32 *)(r1 +32)
	r0 += r3
	exit
fold lacks phi
run priority=4 -> 5

=== phis of two values
	r2 = *(u32 *)(r1 +8)
	r0 = 1
	if r2 == 3 goto on
	r0 = 2
on:
	r3 = *(u32 *)(r1 +32)
	r0 += r3
	exit
switch 1 phi
run priority=4 mark=3 -> 5
run priority=4 mark=2 -> 6

=== a return is where the jumps to it are
	r2 = *(u32 *)(r1 +8)
	r0 = 1
	if r2 == 3 goto out
	*(u32 *)(r1 +32) = 5
	r0 = 2
out:
	exit
switch 1 return *
switch 1 = phi *
returns 2 return *
returns lacks phi
returns has return 1
returns has return 2
run mark=3 -> 1
run mark=2 -> 2

=== what does more than return stays where it is
	r2 = *(u32 *)(r1 +8)
	r0 = 1
	if r2 == 3 goto out
	*(u32 *)(r1 +32) = 5
	r0 = 2
out:
	r0 += r2
	exit
returns 1 return *
returns 1 phi
run mark=3 -> 4
run mark=2 -> 4

=== a table, unsigned
	r2 = *(u32 *)(r1 +8)
	r0 = 0
	if r2 > 2 goto high
	if r2 == 1 goto one
	if r2 == 2 goto two
	exit
high:
	if r2 == 3 goto three
	if r2 == 5 goto five
	exit
one:
	r0 = 11
	exit
two:
	r0 = 12
	exit
three:
	r0 = 13
	exit
five:
	r0 = 15
	exit
simplify lacks switch*
switch 1 switch* v*
switch lacks branch32 v* == *
run mark=0 -> 0
run mark=1 -> 11
run mark=2 -> 12
run mark=3 -> 13
run mark=4 -> 0
run mark=5 -> 15
run mark=6 -> 0
run mark=0xffffffff -> 0

=== a table, signed
	r2 = *(u64 *)(r1 +152)
	r0 = 100
	if r2 s> 0 goto high
	if r2 == -3 goto one
	if r2 == -1 goto two
	exit
high:
	if r2 == 1 goto three
	if r2 == 7 goto five
	exit
one:
	r0 = 11
	exit
two:
	r0 = 12
	exit
three:
	r0 = 13
	exit
five:
	r0 = 15
	exit
switch 1 switch v* -3 *
switch lacks branch v* == *
run tstamp=-4 -> 100
run tstamp=-3 -> 11
run tstamp=-2 -> 100
run tstamp=-1 -> 12
run tstamp=0 -> 100
run tstamp=1 -> 13
run tstamp=7 -> 15
run tstamp=8 -> 100
run tstamp=0x100000001 -> 100
run tstamp=0x8000000000000000 -> 100

=== a table, signed, 32 bits
	r2 = *(u64 *)(r1 +152)
	r0 = 100
	if w2 s> 0 goto high
	if w2 == -3 goto one
	if w2 == -1 goto two
	exit
high:
	if w2 == 1 goto three
	if w2 == 7 goto five
	exit
one:
	r0 = 11
	exit
two:
	r0 = 12
	exit
three:
	r0 = 13
	exit
five:
	r0 = 15
	exit
switch 1 switch v* 0 *
switch lacks branch32 v* == *
run tstamp=0x1fffffffc -> 100
run tstamp=0x1fffffffd -> 11
run tstamp=0xfffffffe -> 100
run tstamp=0xffffffff -> 12
run tstamp=0x700000000 -> 100
run tstamp=0x100000001 -> 13
run tstamp=7 -> 15
run tstamp=8 -> 100
run tstamp=0x80000000 -> 100

=== a table whose ways meet in phis
	r2 = *(u32 *)(r1 +8)
	r3 = *(u32 *)(r1 +32)
	r0 = 5
	if r2 == 1 goto out
	r0 = 6
	if r2 == 2 goto out
	r0 = 7
	if r2 == 3 goto out
	r0 = 8
	if r2 == 6 goto out
	r0 = 9
out:
	r0 += r3
	exit
switch 1 switch*
switch has phi
run mark=0 priority=10 -> 19
run mark=1 priority=10 -> 15
run mark=2 priority=10 -> 16
run mark=3 priority=10 -> 17
run mark=4 priority=10 -> 19
run mark=6 priority=10 -> 18
run mark=7 priority=10 -> 19

=== no table: too few cases
	r2 = *(u32 *)(r1 +8)
	r0 = 0
	if r2 == 1 goto one
	if r2 == 2 goto two
	if r2 == 3 goto two
	exit
one:
	r0 = 11
	exit
two:
	r0 = 12
	exit
switch lacks switch*
switch 3 branch32 v* == *
run mark=3 -> 12

=== no table: signed and unsigned comparisons
	r2 = *(u32 *)(r1 +8)
	r0 = 0
	if w2 s> 2 goto high
	if w2 == 1 goto one
	if w2 > 0xfffffff0 goto two
	exit
high:
	if w2 == 3 goto one
	if w2 == 5 goto two
	exit
one:
	r0 = 11
	exit
two:
	r0 = 12
	exit
switch lacks switch*
run mark=0xffffffff -> 12
run mark=3 -> 11

=== a table of signed and unsigned comparisons of what has no sign
	r2 = *(u32 *)(r1 +8)
	r0 = 0
	r2 &= 0xff
	if w2 s> 2 goto high
	if w2 == 1 goto one
	if w2 < 1 goto two
	exit
high:
	if w2 == 3 goto one
	if w2 == 5 goto two
	exit
one:
	r0 = 11
	exit
two:
	r0 = 12
	exit
switch 1 switch*
run mark=0 -> 12
run mark=1 -> 11
run mark=2 -> 0
run mark=3 -> 11
run mark=4 -> 0
run mark=5 -> 12
run mark=255 -> 0

=== no table: numbers far apart
	r2 = *(u32 *)(r1 +8)
	r0 = 0
	if r2 == 1 goto one
	if r2 == 2000 goto two
	if r2 == 3 goto two
	if r2 == 40000 goto two
	if r2 == 5 goto two
	exit
one:
	r0 = 11
	exit
two:
	r0 = 12
	exit
switch lacks switch*
run mark=40000 -> 12

=== no table: comparisons of different values
	r2 = *(u32 *)(r1 +8)
	r3 = *(u32 *)(r1 +32)
	r0 = 0
	if r2 == 1 goto one
	if r3 == 2 goto two
	if r2 == 3 goto two
	if r3 == 4 goto one
	if r2 == 5 goto two
	exit
one:
	r0 = 11
	exit
two:
	r0 = 12
	exit
switch lacks switch*
run mark=5 -> 12

=== no table: something happens between the comparisons
	r2 = *(u32 *)(r1 +8)
	r0 = 0
	if r2 == 1 goto one
	*(u32 *)(r1 +32) = 1
	if r2 == 2 goto two
	*(u32 *)(r1 +32) = 2
	if r2 == 3 goto two
	*(u32 *)(r1 +32) = 3
	if r2 == 4 goto one
	exit
one:
	r0 = 11
	exit
two:
	r0 = 12
	exit
switch lacks switch*
switch 3 store.4
run mark=3 -> 12

=== what an atomic operation fetches from the stack is not taken for known
	r7 = 0
	*(u64 *)(r10 -136) = 1
	may_goto set
	*(u64 *)(r10 -136) = r7
set:
	r1 = 1
	r0 = 1
	*(u64 *)(r10 -144) = r0
	r0 = 1
	r1 = 1
	r6 = r1
	goto on
on:
	r0 = atomic64_fetch_xor((u64 *)(r10 -136), r0)
	r4 = r0
	if r4 > 0 goto out
	r0 = 77
out:
	exit
simplify has branch* v* != 0 *
run mark=0 -> 77

=== nothing is above the largest number of its size
	r2 = *(u8 *)(r1 +8)
	r0 = 1
	if r2 > 255 goto out
	r0 = 2
	if r2 & 0x700 goto out
	r0 = 3
out:
	exit
fold lacks branch*
fold has return 3
run mark=255 -> 3

=== something may be above another number
	r2 = *(u8 *)(r1 +8)
	r0 = 1
	if r2 > 254 goto out
	r0 = 2
	if r2 & 0x780 goto out
	r0 = 3
out:
	exit
fold 2 branch32 *
run mark=255 -> 1
run mark=254 -> 2
run mark=1 -> 3

=== a table takes ways from a join, whose phis are moves still
	r9 = *(u64 *)(r1 +152)
	r0 = *(u32 *)(r1 +8)
	*(u64 *)(r10 -8) = r0
	r0 = 1
	r6 = 0
	r4 = *(u64 *)(r10 -8)
	if r4 == 0 goto l11
	if r4 == 1 goto l11
	if r4 == 2 goto l12
l11:
	goto l17
l12:
	r2 = *(u64 *)(r10 -8)
	if r2 s> 2 goto l19
	r5 = *(u64 *)(r10 -8)
	*(u64 *)(r10 -8) = r6
	r6 = r5
l17:
	if r9 != 0 goto l19
	exit
l19:
	r1 = *(u64 *)(r10 -8)
	r0 += r1
	r0 *= 16777619
	r0 += r6
	exit
run mark=5 tstamp=1 -> 100665714
run mark=2 tstamp=1 -> 16777621
switch has switch v*

=== a way through more blocks that do nothing than anybody would count
map array 4 64 1
	r5 = map[idx:0]+0
	w0 = -4
	*(u64 *)(r10 -88) = r0
	r0 = *(u8 *)(r5 +53)
	*(u64 *)(r10 -96) = r0
	r5 = *(u64 *)(r10 -96)
	if r5 s<= r0 goto l9
	*(u64 *)(r10 -88) = r0
l9:
	r2 = *(u64 *)(r10 -40)
	r4 = *(u64 *)(r10 -88)
	if r4 == 0x0 goto l29
	if w4 == 0x1 goto l29
	if r4 == 0x0 goto l33
	if r4 == 0x0 goto l33
	if r4 == 0x0 goto l33
	if w4 == 0x0 goto l33
	if r4 == 0x0 goto l33
	if r4 == 0x0 goto l33
	if r4 == 0x0 goto l33
	if w4 == 0x0 goto l33
	if r4 == 0x0 goto l33
	if r4 == 0x0 goto l33
	if r4 == 0x0 goto l33
	if r4 == 0x0 goto l33
	if r4 == 0x0 goto l33
	if r4 == 0x0 goto l33
	if w4 == 0x0 goto l33
	goto l33
l29:
	r3 = 0
l30:
	w2 >>= 1
	if w2 == 0x0 goto l33
	goto l30
l33:
	exit
count lacks = shr*
run
