# SPDX-License-Identifier: BSD-2-Clause
# An access through a pointer to a map value has to be inside of it for every value that the
# offset can have. A condition that bounds the index makes it so.

=== reject xdp EACCES R2 max value is outside of the allowed memory range
# map: m array 4 64 1
	r2 = map[m][0] +0
	r3 = *(u8 *)(r2 +0)
	r2 += r3
	*(u8 *)(r2 +0) = 1
	r0 = 2
	exit

=== accept xdp
# map: m array 4 64 1
	r2 = map[m][0] +0
	r3 = *(u8 *)(r2 +0)
	if r3 > 63 goto out
	r2 += r3
	*(u8 *)(r2 +0) = 1
out:
	r0 = 2
	exit
