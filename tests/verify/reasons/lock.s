# SPDX-License-Identifier: BSD-2-Clause
# One bpf_spin_lock at a time, for a short time: no calls under it except its release, and it is
# released on every path.

=== reject sched_cls EINVAL function calls are not allowed while holding a lock
# map: m array 4 16 1
# field: m 8 bpf_spin_lock
	r6 = map[m][0] +8
	r1 = r6
	call bpf_spin_lock
	call bpf_ktime_get_ns
	r1 = r6
	call bpf_spin_unlock
	r0 = 0
	exit

=== accept sched_cls
# map: m array 4 16 1
# field: m 8 bpf_spin_lock
	call bpf_ktime_get_ns
	r6 = map[m][0] +8
	r1 = r6
	call bpf_spin_lock
	r1 = r6
	call bpf_spin_unlock
	r0 = 0
	exit
