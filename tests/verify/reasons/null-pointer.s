# SPDX-License-Identifier: BSD-2-Clause
# Look-ups and allocations may fail, and yield NULL. The pointer has to be tested before it is
# used, on every path.

=== reject xdp EACCES R0 invalid mem access 'map_value_or_null'
# map: m hash 4 16 8
	*(u32 *)(r10 -4) = 0
	r2 = r10
	r2 += -4
	r1 = map[m]
	call bpf_map_lookup_elem
	r1 = *(u64 *)(r0 +0)
	r0 = 2
	exit

=== accept xdp
# map: m hash 4 16 8
	*(u32 *)(r10 -4) = 0
	r2 = r10
	r2 += -4
	r1 = map[m]
	call bpf_map_lookup_elem
	if r0 == 0 goto out
	r1 = *(u64 *)(r0 +0)
out:
	r0 = 2
	exit
