# SPDX-License-Identifier: BSD-2-Clause
# A register is read that has no value: at the beginning only r1 (the context) and r10 (the stack)
# have one, and calls use up r0 to r5.

=== reject xdp EACCES R1 !read_ok
	call bpf_ktime_get_ns
	r0 = *(u32 *)(r1 +0)
	exit

=== accept xdp
	r6 = r1
	call bpf_ktime_get_ns
	r0 = *(u32 *)(r6 +12)
	r0 &= 1
	exit
