# SPDX-License-Identifier: BSD-2-Clause
# The function declares what kind of value this argument is: a map, the context, memory, a number.
# Something else was passed.

=== reject xdp EACCES R1 type=scalar expected=map_ptr
	*(u32 *)(r10 -4) = 0
	r2 = r10
	r2 += -4
	r1 = 5
	call bpf_map_lookup_elem
	r0 = 2
	exit

=== accept xdp
# map: m hash 4 16 8
	*(u32 *)(r10 -4) = 0
	r2 = r10
	r2 += -4
	r1 = map[m]
	call bpf_map_lookup_elem
	r0 = 2
	exit
