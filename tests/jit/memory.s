# SPDX-License-Identifier: BSD-2-Clause
# The stack, and look-ups in maps.

=== a stack slot is a value
	r2 = *(u64 *)(r1 +152)
	*(u64 *)(r10 -8) = r2
	r0 = *(u64 *)(r10 -8)
	exit
build has store.8
promote lacks store.8
promote lacks frame
promote 1 load.8
clears no
run tstamp=77 -> 77

=== a narrow slot is an extension of a value
	r2 = *(u64 *)(r1 +152)
	*(u16 *)(r10 -8) = r2
	r0 = *(s16 *)(r10 -8)
	exit
promote lacks store.2
promote has sext.2
run tstamp=0x18000 -> -32768

=== a slot that two ways write is a phi
	r2 = *(u32 *)(r1 +8)
	*(u64 *)(r10 -8) = 5
	if r2 == 1 goto on
	*(u64 *)(r10 -8) = 6
on:
	r0 = *(u64 *)(r10 -8)
	exit
promote lacks store.8
promote 1 = phi *
promote lacks load.8
run mark=1 -> 5
run mark=2 -> 6

=== slots that overlap stay in memory
	r2 = *(u64 *)(r1 +152)
	*(u64 *)(r10 -8) = r2
	r0 = *(u32 *)(r10 -4)
	exit
simplify has store.8
simplify has load.4
run tstamp=0x700000000 -> 7

=== slots beside those that overlap are values
	r2 = *(u64 *)(r1 +152)
	*(u64 *)(r10 -8) = r2
	*(u64 *)(r10 -16) = r2
	r0 = *(u32 *)(r10 -4)
	r3 = *(u64 *)(r10 -16)
	r0 += r3
	exit
simplify 1 store.8
run tstamp=0x700000000 -> 0x700000007

=== a slot whose address a helper gets stays in memory, one below it is a value
map hash 4 8 4
	r2 = *(u64 *)(r1 +152)
	r6 = r2
	*(u32 *)(r10 -4) = r2
	*(u64 *)(r10 -16) = r2
	r1 = map[idx:0]
	r2 = r10
	r2 += -4
	call bpf_map_lookup_elem
	r0 = *(u64 *)(r10 -16)
	exit
simplify has store.4
simplify lacks store.8
clears no
run tstamp=9 -> 9

=== a slot whose address a function gets stays in memory, and all others
	r2 = *(u64 *)(r1 +152)
	*(u64 *)(r10 -8) = r2
	*(u64 *)(r10 -16) = r2
	r1 = r10
	r1 += -8
	call inner
	r3 = *(u64 *)(r10 -16)
	r0 += r3
	exit
inner:
	r0 = *(u64 *)(r1 +0)
	exit
simplify 2 store.8
simplify has callsub*
run tstamp=9 -> 18

=== a slot at a place that is not known stays in memory
	r2 = *(u32 *)(r1 +8)
	r2 &= 8
	*(u64 *)(r10 -8) = 1
	*(u64 *)(r10 -16) = 2
	r3 = r10
	r3 += r2
	r0 = *(u64 *)(r3 -16)
	exit
simplify 2 store.8
clears no
run mark=8 -> 1
run mark=0 -> 2

=== the stack is cleared if a program may read what it has not written
map hash 8 8 4
	r1 = map[idx:0]
	r2 = r10
	r2 += -8
	call bpf_map_lookup_elem
	r0 = 1
	exit
clears yes

=== the stack is not cleared if a program writes it first
map hash 8 8 4
	*(u64 *)(r10 -8) = 5
	r1 = map[idx:0]
	r2 = r10
	r2 += -8
	call bpf_map_lookup_elem
	r0 = 1
	exit
clears no

=== the stack is cleared if nobody knows what a program reads
structure
map hash 8 8 4
	*(u64 *)(r10 -8) = 5
	r1 = map[idx:0]
	r2 = r10
	r2 += -8
	call bpf_map_lookup_elem
	r0 = 1
	exit
clears yes

=== no stack is cleared if nothing of it is in memory
structure
	*(u64 *)(r10 -8) = 5
	r0 = *(u64 *)(r10 -8)
	exit
clears no

=== a look-up in an array, and no question whether something was found
map array 4 8 16
	r2 = *(u32 *)(r1 +8)
	*(u32 *)(r10 -4) = r2
	r1 = map[idx:0]
	r2 = r10
	r2 += -4
	call bpf_map_lookup_elem
	if r0 == 0 goto out
	*(u64 *)(r0 +0) = 3
	r0 = 1
out:
	exit
simplify lacks call
simplify has = const values 0
simplify 1 branch*
simplify 1 branch32 v* < 16 *
simplify lacks frame
run mark=0 -> 1
run mark=15 -> 1
run mark=16 -> 0

=== a look-up in an array: the question comes later
map array 4 8 16
	r2 = *(u32 *)(r1 +8)
	*(u32 *)(r10 -4) = r2
	r1 = map[idx:0]
	r2 = r10
	r2 += -4
	call bpf_map_lookup_elem
	r6 = r0
	if r6 == 0 goto out
	*(u64 *)(r6 +0) = 3
	r0 = 1
out:
	exit
simplify lacks call
simplify has branch* v* == 0 *
run mark=1 -> 1
run mark=16 -> 0

=== a look-up in an array with a key that is known
map array 4 8 16
	*(u32 *)(r10 -4) = 3
	r1 = map[idx:0]
	r2 = r10
	r2 += -4
	call bpf_map_lookup_elem
	if r0 == 0 goto out
	r0 = *(u64 *)(r0 +0)
out:
	exit
simplify lacks call
simplify lacks branch*
simplify lacks = mul
run -> 0

=== a look-up in an array with a key that is known not to be there
map array 4 8 16
	*(u32 *)(r10 -4) = 16
	r1 = map[idx:0]
	r2 = r10
	r2 += -4
	call bpf_map_lookup_elem
	if r0 == 0 goto out
	r0 = *(u64 *)(r0 +0)
	exit
out:
	r0 = 9
	exit
simplify lacks call
simplify lacks branch*
run -> 9

=== a look-up in a per-CPU array
map percpu 4 8 16
	r2 = *(u32 *)(r1 +8)
	*(u32 *)(r10 -4) = r2
	r1 = map[idx:0]
	r2 = r10
	r2 += -4
	call bpf_map_lookup_elem
	if r0 == 0 goto out
	r1 = 1
	lock *(u64 *)(r0 +0) += r1
	r0 = 1
out:
	exit
simplify lacks call
simplify has load.4 v* +8 *
simplify 1 branch*
run mark=3 -> 1

=== a look-up in an array of one value needs no index
map array 4 8 1
	r2 = *(u32 *)(r1 +8)
	*(u32 *)(r10 -4) = r2
	r1 = map[idx:0]
	r2 = r10
	r2 += -4
	call bpf_map_lookup_elem
	if r0 == 0 goto out
	*(u64 *)(r0 +0) = 3
	r0 = 1
out:
	exit
simplify 1 branch*
simplify lacks = mul
simplify lacks = shl
simplify lacks = add
run mark=0 -> 1
run mark=1 -> 0

=== a look-up in a map that is not known is called
map array 4 8 16
map array 4 8 16
	r2 = *(u32 *)(r1 +8)
	*(u32 *)(r10 -4) = 3
	r1 = map[idx:0]
	if r2 == 3 goto on
	r1 = map[idx:1]
on:
	r2 = r10
	r2 += -4
	call bpf_map_lookup_elem
	if r0 == 0 goto out
	r0 = 1
out:
	exit
simplify 1 = call v*
simplify has = const helper 1
simplify lacks = const values *
simplify has branch v* == 0 *
run mark=3 -> 1

=== the embedder's own look-up is called: array
map array 4 8 16
override 1
	*(u32 *)(r10 -4) = 3
	r1 = map[idx:0]
	r2 = r10
	r2 += -4
	call bpf_map_lookup_elem
	if r0 == 0 goto out
	r0 = 1
	exit
out:
	r0 = 2
	exit
simplify 1 = call v*
simplify has = const helper 1
simplify lacks = const values *
run -> 2

=== a look-up in a hash is called directly
map hash 4 8 16
	*(u32 *)(r10 -4) = 3
	r1 = map[idx:0]
	r2 = r10
	r2 += -4
	call bpf_map_lookup_elem
	if r0 == 0 goto out
	r0 = 1
	exit
out:
	r0 = 2
	exit
simplify 1 = call v*
simplify has = const look-up 0
simplify lacks = const helper 1
simplify has branch v* == 0 *
run -> 2

=== the embedder's own look-up is called: hash
map hash 4 8 16
override 1
	*(u32 *)(r10 -4) = 3
	r1 = map[idx:0]
	r2 = r10
	r2 += -4
	call bpf_map_lookup_elem
	r0 = 2
	exit
simplify has = const helper 1
simplify lacks = const look-up 0

=== an update is called
map hash 4 8 16
	*(u32 *)(r10 -4) = 3
	*(u64 *)(r10 -16) = 3
	r1 = map[idx:0]
	r2 = r10
	r2 += -4
	r3 = r10
	r3 += -16
	r4 = 0
	call bpf_map_update_elem
	exit
simplify has = const helper 2
run -> 0

=== addresses in maps are not 0
structure
map array 4 8 1
	r1 = map[idx:0]+0
	r0 = 1
	if r1 == 0 goto out
	r0 = *(u64 *)(r1 +0)
out:
	exit
fold lacks branch*
run -> 0
