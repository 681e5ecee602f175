# SPDX-License-Identifier: BSD-2-Clause
# The order of addresses is a secret of the kernel's. Without CAP_PERFMON, pointers are compared
# with NULL, and packet pointers with each other.

=== reject socket_filter EACCES R2 pointer comparison prohibited
# caps: bpf
	r0 = 0
	r2 = r10
	if r1 == r2 goto out
	r0 = 1
out:
	exit

=== accept socket_filter
# caps: bpf
# map: m hash 4 16 8
	*(u32 *)(r10 -4) = 0
	r2 = r10
	r2 += -4
	r1 = map[m]
	call bpf_map_lookup_elem
	if r0 != 0 goto out
	r0 = 1
	exit
out:
	r0 = 0
	exit
