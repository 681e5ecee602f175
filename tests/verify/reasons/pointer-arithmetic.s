# SPDX-License-Identifier: BSD-2-Clause
# Numbers can be added to most pointers and subtracted from them; nothing else is done with
# pointers, and to some (the end of the packet, maps, the context beyond constants) nothing at
# all.

=== reject xdp EACCES pointer arithmetic with
	r2 = *(u32 *)(r1 +0)
	r2 *= 2
	r0 = 2
	exit

=== accept xdp
	r2 = *(u32 *)(r1 +0)
	r2 += 2
	r0 = 2
	exit
