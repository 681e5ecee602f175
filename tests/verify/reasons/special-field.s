# SPDX-License-Identifier: BSD-2-Clause
# Locks, timers, lists, trees and kernel pointers in a map value belong to the kernel: programs
# handle them with the functions for them, not with loads and stores.

=== reject sched_cls EACCES bpf_timer cannot be accessed directly by load/store
# map: m array 4 32 1
# field: m 8 bpf_timer
	r2 = map[m][0] +0
	*(u64 *)(r2 +8) = 1
	r0 = 0
	exit

=== accept sched_cls
# map: m array 4 32 1
# field: m 8 bpf_timer
	r2 = map[m][0] +0
	*(u64 *)(r2 +0) = 1
	r0 = 0
	exit
