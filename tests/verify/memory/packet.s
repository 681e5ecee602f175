# SPDX-License-Identifier: BSD-2-Clause
# Packets.

=== beyond xdp EACCES R2 offset is outside of the packet
	r2 = *(u32 *)(r1 + 0)
	r3 = *(u32 *)(r1 + 4)
	r4 = r2
	r4 += 8
	if r4 > r3 goto +1
	r0 = *(u64 *)(r2 + 4)
	r0 = 0
	exit

=== checked xdp
	r2 = *(u32 *)(r1 + 0)
	r3 = *(u32 *)(r1 + 4)
	r4 = r2
	r4 += 8
	if r4 > r3 goto +1
	r0 = *(u64 *)(r2 + 0)
	r0 = 0
	exit

=== unchecked xdp EACCES R2 offset is outside of the packet
	r2 = *(u32 *)(r1 + 0)
	r0 = *(u64 *)(r2 + 0)
	r0 = 0
	exit

=== misaligned xdp EACCES misaligned packet access off 2+0+0+0 size 4
# strict
	r2 = *(u32 *)(r1 + 0)
	r3 = *(u32 *)(r1 + 4)
	r4 = r2
	r4 += 18
	if r4 > r3 goto +1
	r0 = *(u32 *)(r2 + 0)
	r0 = 0
	exit

=== write-protected cgroup_skb EACCES cannot write into packet
	r2 = *(u32 *)(r1 + 76)
	r3 = *(u32 *)(r1 + 80)
	r4 = r2
	r4 += 18
	if r4 > r3 goto +1
	*(u32 *)(r2 + 0) = 1
	r0 = 0
	exit

=== leak xdp EACCES R3 leaks addr into packet
# caps: bpf net
	r2 = *(u32 *)(r1 + 0)
	r3 = *(u32 *)(r1 + 4)
	r4 = r2
	r4 += 18
	if r4 > r3 goto +1
	*(u64 *)(r2 + 0) = r3
	r0 = 0
	exit

=== beyond-end xdp EINVAL R2 offset is outside of the packet
	r2 = *(u32 *)(r1 + 0)
	r3 = *(u32 *)(r1 + 4)
	if r2 > r3 goto +2
	r0 = 0
	exit
	r0 = *(u8 *)(r2 + 0)
	exit

=== end xdp EACCES R3 invalid mem access 'pkt_end'
	r2 = *(u32 *)(r1 + 0)
	r3 = *(u32 *)(r1 + 4)
	r0 = *(u8 *)(r3 + 0)
	exit

=== atomic xdp EACCES BPF_ATOMIC stores into R2 pkt is not allowed
	r2 = *(u32 *)(r1 + 0)
	r3 = 0
	lock *(u64 *)(r2 + 0) += r3
	r0 = 0
	exit

=== negative xdp EACCES R2 offset is outside of the packet
	r2 = *(u32 *)(r1 + 0)
	r3 = *(u32 *)(r1 + 4)
	r4 = r2
	r4 += 8
	if r4 > r3 goto +2
	r0 = *(u64 *)(r2 + 1)
	r0 = *(u64 *)(r2 - 1)
	r0 = 0
	exit

=== variable-large xdp EACCES R2 offset is outside of the packet
	r6 = r1
	call bpf_get_prandom_u32
	r2 = *(u32 *)(r6 + 0)
	r3 = *(u32 *)(r6 + 4)
	r0 &= 0xffff
	r2 += r0
	r4 = r2
	r4 += 8
	if r4 > r3 goto +1
	r0 = *(u64 *)(r2 + 0)
	r0 = 0
	exit

=== variable xdp
	r6 = r1
	call bpf_get_prandom_u32
	r2 = *(u32 *)(r6 + 0)
	r3 = *(u32 *)(r6 + 4)
	r0 &= 0x7fff
	r2 += r0
	r4 = r2
	r4 += 8
	if r4 > r3 goto +1
	r0 = *(u64 *)(r2 + 0)
	r0 = 0
	exit

=== metadata xdp
	r2 = *(u32 *)(r1 + 8)
	r3 = *(u32 *)(r1 + 0)
	r4 = r2
	r4 += 8
	if r4 > r3 goto +1
	r0 = *(u64 *)(r2 + 0)
	r0 = 0
	exit
