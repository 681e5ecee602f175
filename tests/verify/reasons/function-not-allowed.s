# SPDX-License-Identifier: BSD-2-Clause
# Which functions a program may call depends on its type, on where it attaches, and on its
# privileges.

=== reject xdp EINVAL program of this type cannot use helper bpf_skb_load_bytes
	r6 = r1
	r2 = 0
	r3 = r10
	r3 += -8
	r4 = 8
	call bpf_skb_load_bytes
	r0 = 2
	exit

=== accept xdp
	r2 = 0
	r3 = r10
	r3 += -8
	r4 = 8
	call bpf_xdp_load_bytes
	r0 = 2
	exit
