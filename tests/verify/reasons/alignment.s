# SPDX-License-Identifier: BSD-2-Clause
# Stack slots are accessed at multiples of the size of the access, and on some machines (or with
# BPF_F_STRICT_ALIGNMENT) all memory is.

=== reject xdp EACCES misaligned stack access
	r2 = r10
	r2 += -7
	*(u32 *)(r2 +0) = 1
	r0 = 2
	exit

=== accept xdp
	r2 = r10
	r2 += -8
	*(u32 *)(r2 +0) = 1
	r0 = 2
	exit
