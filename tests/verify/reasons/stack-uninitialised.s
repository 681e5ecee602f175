# SPDX-License-Identifier: BSD-2-Clause
# What is read from the stack has to be written before, every byte of it, padding of structs
# included, unless the program is loaded with CAP_PERFMON.

=== reject socket_filter EACCES invalid read from stack R2 off
# caps: bpf
# map: m hash 4 8 8
	r2 = r10
	r2 += -4
	r1 = map[m]
	call bpf_map_lookup_elem
	r0 = 0
	exit

=== accept socket_filter
# caps: bpf
# map: m hash 4 8 8
	r2 = r10
	r2 += -4
	*(u32 *)(r2 +0) = 0
	r1 = map[m]
	call bpf_map_lookup_elem
	r0 = 0
	exit
