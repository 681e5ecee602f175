# SPDX-License-Identifier: BSD-2-Clause
# The kernel rewrites accesses to some kinds of memory (the context, sockets, kernel structs), so
# one instruction cannot access two kinds on different paths. Compilers produce it by merging the
# ends of two branches.

=== reject sched_cls EINVAL same insn cannot be used with different pointers
	r0 = 0
	r2 = *(u32 *)(r1 +0)
	if r2 > 100 goto other
	r3 = r1
	goto access
other:
	r3 = r10
	r3 += -8
	*(u64 *)(r3 +0) = 0
access:
	r4 = *(u32 *)(r3 +0)
	exit

=== accept sched_cls
	r0 = 0
	r2 = *(u32 *)(r1 +0)
	if r2 > 100 goto other
	r4 = *(u32 *)(r1 +0)
	exit
other:
	r3 = r10
	r3 += -8
	*(u64 *)(r3 +0) = 0
	r4 = *(u32 *)(r3 +0)
	exit
