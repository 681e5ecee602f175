# SPDX-License-Identifier: BSD-2-Clause
# The memory may be read but not written: constant data of the program, maps that are read-only
# for programs, the packet in some program types, memory that a function lent.

=== reject xdp EACCES write into map forbidden, value_size=8 off=0 size=8
# map: m array 4 8 1 0x80
	r2 = map[m][0] +0
	*(u64 *)(r2 +0) = 1
	r0 = 2
	exit

=== accept xdp
# map: m array 4 8 1
	r2 = map[m][0] +0
	*(u64 *)(r2 +0) = 1
	r0 = 2
	exit
