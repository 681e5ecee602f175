# SPDX-License-Identifier: BSD-2-Clause
# How long a packet is, is known only when the program runs. Bytes may be accessed that a
# comparison with data_end, on the same path, proved to be there.

=== reject xdp EACCES R2 offset is outside of the packet
	r2 = *(u32 *)(r1 +0)
	r3 = *(u32 *)(r1 +4)
	r0 = *(u8 *)(r2 +0)
	exit

=== accept xdp
	r2 = *(u32 *)(r1 +0)
	r3 = *(u32 *)(r1 +4)
	r4 = r2
	r4 += 14
	r0 = 1
	if r4 > r3 goto out
	r0 = *(u8 *)(r2 +0)
	r0 &= 1
out:
	exit
