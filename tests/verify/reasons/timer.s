# SPDX-License-Identifier: BSD-2-Clause
# A timer, work queue or task work is a field of a map value, and is initialised with the map that
# holds it.

=== reject sched_cls EINVAL map 'm' has no valid bpf_timer
# map: m array 4 16 1
# field: m 8 bpf_spin_lock
	r1 = map[m][0] +8
	r2 = map[m]
	r3 = 1
	call bpf_timer_init
	r0 = 0
	exit

=== accept sched_cls
# map: m array 4 32 1
# field: m 8 bpf_timer
	r1 = map[m][0] +8
	r2 = map[m]
	r3 = 1
	call bpf_timer_init
	r0 = 0
	exit
