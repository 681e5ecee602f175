# SPDX-License-Identifier: BSD-2-Clause
# A processor may run ahead into a branch that is not taken. Without CAP_PERFMON, pointer
# arithmetic must have the same limits on every path, so that masks can keep such runs within
# bounds.

=== reject socket_filter EACCES
# caps: bpf
# map: m array 4 64 1
	r0 = 0
	r2 = map[m][0] +0
	r3 = *(u8 *)(r2 +0)
	if r3 > 8 goto other
	r4 = r3
	goto access
other:
	r4 = -8
	r2 += 16
access:
	r2 += r4
	*(u8 *)(r2 +0) = 1
	exit

=== accept socket_filter
# caps: bpf
# map: m array 4 64 1
	r0 = 0
	r2 = map[m][0] +0
	r3 = *(u8 *)(r2 +0)
	if r3 > 8 goto out
	r2 += r3
	*(u8 *)(r2 +0) = 1
out:
	exit
