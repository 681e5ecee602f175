# SPDX-License-Identifier: BSD-2-Clause
# Pointers that are moved by programs that must not read kernel memory.

=== packet-to-number xdp EACCES R2 has pointer with unsupported alu operation, pointer arithmetic with it prohibited for !root
# caps: bpf net
	r2 = *(u32 *)(r1 + 0)
	r3 = 5
	r3 += r2
	r0 = 0
	exit

=== packet xdp EACCES R2 has pointer with unsupported alu operation, pointer arithmetic with it prohibited for !root
# caps: bpf net
	r2 = *(u32 *)(r1 + 0)
	r3 = 5
	r2 += r3
	r0 = 0
	exit

=== mixed-signs socket_filter EACCES R0 has unknown scalar with mixed signed bounds, pointer arithmetic with it prohibited for !root
# map: m array 4 64 1
# caps: bpf net
	r0 = *(u32 *)(r1 + 0)
	r2 = map[m][0] +0
	r0 &= 63
	r0 -= 5
	r0 += r2
	r0 = 0
	exit

=== value socket_filter
# map: m array 4 64 1
# caps: bpf net
	r0 = *(u32 *)(r1 + 0)
	r2 = map[m][0] +0
	r0 &= 63
	r0 += r2
	r0 = *(u8 *)(r0 + 0)
	exit

=== value-beyond socket_filter EACCES R2 max value is outside of the allowed memory range
# map: m array 4 64 1
# caps: bpf net
	r0 = *(u32 *)(r1 + 0)
	r2 = map[m][0] +0
	r0 &= 127
	r2 += r0
	r0 = 0
	exit

=== back socket_filter EACCES R2 min value is negative, either use unsigned index or do a if (index >=0) check.
# map: m array 4 64 1
# caps: bpf net
	r0 = *(u32 *)(r1 + 0)
	r2 = map[m][0] +0
	r0 &= 31
	r2 += r0
	r2 -= r0
	r0 = *(u8 *)(r2 + 0)
	exit

=== paths socket_filter EACCES R2 tried to add from different maps, paths or scalars, pointer arithmetic with it prohibited for !root
# map: m array 4 64 1
# caps: bpf net
	r3 = *(u32 *)(r1 + 0)
	r2 = map[m][0] +0
	if r3 == 0 goto +2
	r0 = 5
	goto +1
	r0 = 7
	r2 += r0
	r0 = 0
	exit

=== paths-stack-or-number socket_filter EACCES R0 tried to add from different maps, paths or scalars, pointer arithmetic with it prohibited for !root
# caps: bpf net
	r3 = *(u32 *)(r1 + 0)
	if r3 == 0 goto +3
	r0 = 5
	r2 = 5
	goto +3
	r0 = r10
	r2 = -8
	goto +0
	r0 += r2
	r0 = 0
	exit
