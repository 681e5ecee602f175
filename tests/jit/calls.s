# SPDX-License-Identifier: BSD-2-Clause
# Helpers, tail calls, may_goto, classic packet access.

=== the number of the CPU is loaded
	call bpf_get_smp_processor_id
	w0 = w0
	r0 >>= 20
	exit
build lacks = call *
simplify 1 = load.4 v* +8 *
simplify lacks zext.4

=== the embedder's own number of the CPU is called for
override 8
	call bpf_get_smp_processor_id
	w0 = w0
	exit
simplify 1 = call v*
simplify has = const helper 8
simplify has zext.4
run -> 0

=== another helper is called, with as many arguments as it takes
	r6 = *(u32 *)(r1 +8)
	r2 = 5
	r3 = 6
	call bpf_get_numa_node_id
	r0 = r6
	exit
build has = const helper 42
build 1 = call v*
build lacks = call v*, 5*
run mark=3 -> 3

=== a tail call through a slot that is known
map progs 4 4 8
target 2
	r2 = map[idx:0]
	r3 = 2
	call bpf_tail_call
	r0 = 7
	exit
build 1 = param 2
simplify 1 tail v*, v*, 2, v*
slots yes
run -> 42

=== what is used behind a tail call that fails outlasts it
map progs 4 4 8
target 2
	r6 = r1
	r7 = *(u32 *)(r1 +8)
	r2 = map[idx:0]
	r3 = 3
	call bpf_tail_call
	r1 = r6
	r2 = map[idx:0]
	r3 = *(u32 *)(r6 +8)
	call bpf_tail_call
	r1 = r6
	r2 = map[idx:0]
	r3 = 4
	call bpf_tail_call
	r0 = r7
	r1 = *(u32 *)(r6 +8)
	r0 += r1
	exit
simplify 3 tail v*, v*, *, v*
slots yes
run mark=2 -> 42
run mark=5 -> 10

=== with a function, which may make tail calls, the number of those that are left is in memory
map progs 4 4 8
target 2
	r6 = r1
	call inner
	r1 = r6
	r2 = map[idx:0]
	r3 = 2
	call bpf_tail_call
	r0 = 7
	exit
inner:
	r0 = 0
	exit
structure
simplify 1 tail v*, v*, 2
simplify lacks tail v*, v*, 2, v*
slots yes
run -> 42

=== a tail call through a slot that is known and empty
map progs 4 4 8
target 2
	r2 = map[idx:0]
	r3 = 3
	call bpf_tail_call
	r0 = 7
	exit
slots yes
run -> 7

=== a tail call through a slot that is computed from what is known
map progs 4 4 8
target 2
	*(u32 *)(r10 -4) = 1
	r2 = map[idx:0]
	r3 = *(u32 *)(r10 -4)
	r3 += 1
	call bpf_tail_call
	r0 = 7
	exit
slots yes
run -> 42

=== a tail call through any slot asks the vm
map progs 4 4 8
target 2
	r3 = *(u32 *)(r1 +8)
	r2 = map[idx:0]
	call bpf_tail_call
	r0 = 7
	exit
simplify 1 tail v*, v*, v*
slots no
run mark=2 -> 42
run mark=1 -> 7
run mark=8 -> 7
run mark=0xffffffff -> 7

=== a tail call through a slot that does not exist asks the vm
map progs 4 4 8
target 2
	r2 = map[idx:0]
	r3 = 8
	call bpf_tail_call
	r0 = 7
	exit
slots no
run -> 7

=== a tail call in a function asks the vm
map progs 4 4 8
target 2
	call inner
	r0 += 1
	exit
inner:
	r2 = map[idx:0]
	r3 = 2
	call bpf_tail_call
	r0 = 7
	exit
structure
slots no
run -> 43

=== a may_goto loop counts down
structure
	r2 = *(u32 *)(r1 +8)
	r2 &= 31
	r0 = 0
again:
	may_goto out
	r0 += 3
	r2 += -1
	if r2 s> 0 goto again
out:
	exit
build has = const 1000
fold has @1 * = add v*, -1
fold has @1 branch v* == 0 *
run mark=4 -> 12

=== a loop without may_goto counts nothing
structure
	r2 = *(u32 *)(r1 +8)
	r2 &= 31
	r0 = 0
again:
	r0 += 3
	r2 += -1
	if r2 s> 0 goto again
	exit
build lacks = const 1000
fold 1 @1 branch*
fold 2 @1 * = add v*
run mark=4 -> 12

=== classic packet access
	r6 = r1
	r0 = *(u16 *)skb[12]
	exit
build lacks = call *
simplify has = bswap.2 v*
simplify has return 0
run 00*12 12 34 -> 0x1234
run 00*12 12 -> 0

=== classic packet access of one byte has no order
	r6 = r1
	r0 = *(u8 *)skb[13]
	exit
build lacks = call *
simplify lacks bswap*
run 00*12 12 34 -> 0x34

=== classic packet access at a negative offset asks the vm
	r6 = r1
	r0 = *(u32 *)skb[-1048576]
	exit
build 1 = call v*
build has = const engine packet_load

=== classic packet access at a computed offset asks the vm only if it is out of range
	r6 = r1
	r7 = *(u32 *)(r1 +8)
	r0 = *(u16 *)skb[r7 + 2]
	exit
build 1 = call v*
build has = const engine packet_load
build has = load.2
run mark=10 00*12 12 34 -> 0x1234
run mark=11 00*12 12 34 -> 0
run mark=0xfffffffe ab cd -> 0xabcd

=== a function of the program gets what it reads, and the run
	r6 = r1
	r1 = 1
	r2 = 2
	r3 = 3
	call inner
	exit
inner:
	r0 = r2
	exit
build 1 = callsub v*, 0, 2 function 1
build lacks = callsub v*, 0, 2, 3*
run -> 2
