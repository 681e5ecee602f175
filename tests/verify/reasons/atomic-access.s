# SPDX-License-Identifier: BSD-2-Clause
# Atomic operations work on map values, the stack and other plain memory, in 4 or 8 bytes. The
# context, packets and sockets have none.

=== reject xdp EACCES BPF_ATOMIC stores into R1 ctx is not allowed
	r2 = 1
	lock *(u32 *)(r1 +0) += w2
	r0 = 2
	exit

=== accept xdp
	r2 = 1
	*(u64 *)(r10 -8) = 0
	lock *(u64 *)(r10 -8) += r2
	r0 = 2
	exit
