# SPDX-License-Identifier: BSD-2-Clause
# A release takes the pointer that was acquired, as it was acquired, and ends it: it cannot be
# used or released again. A pointer that was only borrowed, as that of the context, cannot be
# released.

=== reject sched_cls EINVAL R1 must be referenced when passed to release function
	r1 = *(u64 *)(r1 +168)
	if r1 == 0 goto out
	call bpf_sk_release
out:
	r0 = 0
	exit

=== accept sched_cls
	*(u64 *)(r10 -16) = 0
	*(u64 *)(r10 -8) = 0
	r2 = r10
	r2 += -16
	r3 = 12
	r4 = -1
	r5 = 0
	call bpf_sk_lookup_tcp
	if r0 == 0 goto out
	r1 = r0
	call bpf_sk_release
out:
	r0 = 0
	exit
