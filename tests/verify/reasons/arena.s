# SPDX-License-Identifier: BSD-2-Clause
# Pointers into an arena are made by casts between its two address spaces; the program has to
# refer to the arena, one at most.

=== reject sched_cls EINVAL addr_space_cast insn can only be used in a program that has an associated arena
	r2 = addr_space_cast(r1, 0, 1)
	r0 = 0
	exit

=== accept sched_cls
# map: m array 4 8 1
	r2 = map[m][0] +0
	*(u64 *)(r2 +0) = 1
	r0 = 0
	exit
