# SPDX-License-Identifier: BSD-2-Clause
# Memory is accessed through a register that holds no pointer that the verifier knows: a number, a
# pointer that was read from memory without its type, or one whose object is gone (a packet
# pointer after a call that may move the packet, a reference after its release).

=== reject xdp EACCES R2 invalid mem access 'scalar'
	r2 = 4096
	r0 = *(u32 *)(r2 +0)
	exit

=== accept xdp
	r2 = r10
	r2 += -8
	*(u64 *)(r2 +0) = 2
	r0 = *(u32 *)(r2 +0)
	exit
