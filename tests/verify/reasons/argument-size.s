# SPDX-License-Identifier: BSD-2-Clause
# A length needs bounds: not negative, not 0 for most functions, and not more than the memory
# beside it has.

=== reject xdp EACCES R4 min value is negative
	r4 = *(u32 *)(r1 +12)
	r4 <<= 32
	r4 s>>= 32
	r2 = 0
	r3 = r10
	r3 += -64
	call bpf_xdp_load_bytes
	r0 = 2
	exit

=== accept xdp
	r4 = *(u32 *)(r1 +12)
	r0 = 2
	if r4 == 0 goto out
	if r4 > 64 goto out
	r2 = 0
	r3 = r10
	r3 += -64
	call bpf_xdp_load_bytes
out:
	r0 = 2
	exit
