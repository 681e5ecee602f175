# SPDX-License-Identifier: BSD-2-Clause
# Programs that may not sleep cannot call functions that may; programs that may sleep cannot use
# what needs that they do not.

=== reject sched_cls EINVAL helper call might sleep in a non-sleepable prog
	r1 = r10
	r1 += -8
	r2 = 8
	r3 = 0
	call bpf_copy_from_user
	r0 = 0
	exit

=== accept syscall
	r1 = r10
	r1 += -8
	r2 = 8
	r3 = 0
	call bpf_copy_from_user
	r0 = 0
	exit
