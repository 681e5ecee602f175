# SPDX-License-Identifier: BSD-2-Clause
# A pointer that was stored on the stack stays a pointer only as a whole: it is read back in 8
# bytes, and a program without CAP_PERFMON must not overwrite a part of it.

=== reject xdp EACCES invalid size of register fill
	*(u64 *)(r10 -8) = r1
	r2 = *(u32 *)(r10 -8)
	r0 = 2
	exit

=== accept xdp
	*(u64 *)(r10 -8) = r1
	r2 = *(u64 *)(r10 -8)
	r0 = 2
	exit
