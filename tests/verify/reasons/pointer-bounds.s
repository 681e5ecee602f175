# SPDX-License-Identifier: BSD-2-Clause
# A number that is added to a pointer needs a lower and an upper bound. A signed number that was
# only compared with a maximum may still be negative.

=== reject xdp EINVAL math between map_value pointer and register with unbounded min value
# map: m array 4 64 1
	r2 = map[m][0] +0
	r3 = *(u64 *)(r2 +0)
	if r3 s> 8 goto out
	r2 += r3
	*(u8 *)(r2 +0) = 1
out:
	r0 = 2
	exit

=== accept xdp
# map: m array 4 64 1
	r2 = map[m][0] +0
	r3 = *(u64 *)(r2 +0)
	if r3 > 8 goto out
	r2 += r3
	*(u8 *)(r2 +0) = 1
out:
	r0 = 2
	exit
