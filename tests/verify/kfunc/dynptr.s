# SPDX-License-Identifier: BSD-2-Clause
# Dynptrs of packets, slices.

=== slice xdp
	r2 = 0
	r3 = r10
	r3 += -16
	call kfunc bpf_dynptr_from_xdp
	r1 = r10
	r1 += -16
	r2 = 0
	r3 = r10
	r3 += -32
	r4 = 14
	call kfunc bpf_dynptr_slice
	if r0 == 0 goto out
	r0 = *(u8 *)(r0 + 13)
out:
	r0 = 2
	exit

=== slice-without-buffer xdp
	r2 = 0
	r3 = r10
	r3 += -16
	call kfunc bpf_dynptr_from_xdp
	r1 = r10
	r1 += -16
	r2 = 0
	r3 = 0
	r4 = 14
	call kfunc bpf_dynptr_slice
	if r0 == 0 goto out
	r0 = *(u8 *)(r0 + 13)
out:
	r0 = 2
	exit

=== slice-beyond xdp EACCES
	r2 = 0
	r3 = r10
	r3 += -16
	call kfunc bpf_dynptr_from_xdp
	r1 = r10
	r1 += -16
	r2 = 0
	r3 = 0
	r4 = 14
	call kfunc bpf_dynptr_slice
	if r0 == 0 goto out
	r0 = *(u8 *)(r0 + 14)
out:
	r0 = 2
	exit

=== slice-unknown-length xdp EINVAL R4 must be a known constant
	r6 = *(u32 *)(r1 + 12)
	r6 &= 7
	r2 = 0
	r3 = r10
	r3 += -16
	call kfunc bpf_dynptr_from_xdp
	r1 = r10
	r1 += -16
	r2 = 0
	r3 = r10
	r3 += -32
	r4 = r6
	call kfunc bpf_dynptr_slice
	r0 = 2
	exit

=== slice-write xdp EACCES R0 cannot write into rdonly_mem
	r2 = 0
	r3 = r10
	r3 += -16
	call kfunc bpf_dynptr_from_xdp
	r1 = r10
	r1 += -16
	r2 = 0
	r3 = 0
	r4 = 14
	call kfunc bpf_dynptr_slice
	if r0 == 0 goto out
	*(u8 *)(r0 + 0) = 1
out:
	r0 = 2
	exit

=== slice-rdwr xdp
	r2 = 0
	r3 = r10
	r3 += -16
	call kfunc bpf_dynptr_from_xdp
	r1 = r10
	r1 += -16
	r2 = 0
	r3 = r10
	r3 += -32
	r4 = 14
	call kfunc bpf_dynptr_slice_rdwr
	if r0 == 0 goto out
	*(u8 *)(r0 + 0) = 1
out:
	r0 = 2
	exit

=== slice-rdwr-socket socket_filter EINVAL the prog does not allow writes to packet data
	r2 = 0
	r3 = r10
	r3 += -16
	call kfunc bpf_dynptr_from_skb
	r1 = r10
	r1 += -16
	r2 = 0
	r3 = r10
	r3 += -32
	r4 = 14
	call kfunc bpf_dynptr_slice_rdwr
	r0 = 0
	exit

=== slice-after-overwrite xdp
	r2 = 0
	r3 = r10
	r3 += -16
	call kfunc bpf_dynptr_from_xdp
	r1 = r10
	r1 += -16
	r2 = 0
	r3 = 0
	r4 = 14
	call kfunc bpf_dynptr_slice
	if r0 == 0 goto out
	*(u64 *)(r10 - 16) = 0
	r0 = *(u8 *)(r0 + 0)
out:
	r0 = 2
	exit

=== slice-after-pull xdp EACCES R7 invalid mem access 'scalar'
	r6 = r1
	r2 = 0
	r3 = r10
	r3 += -16
	call kfunc bpf_dynptr_from_xdp
	r1 = r10
	r1 += -16
	r2 = 0
	r3 = 0
	r4 = 14
	call kfunc bpf_dynptr_slice
	if r0 == 0 goto out
	r7 = r0
	r1 = r6
	r2 = 64
	call kfunc bpf_xdp_pull_data
	r0 = *(u8 *)(r7 + 0)
out:
	r0 = 2
	exit

=== uninitialised xdp EINVAL Expected an initialized dynptr as arg #0
	r1 = r10
	r1 += -16
	call kfunc bpf_dynptr_size
	r0 = 2
	exit

=== twice xdp
	r6 = r1
	r2 = 0
	r3 = r10
	r3 += -16
	call kfunc bpf_dynptr_from_xdp
	r1 = r6
	r2 = 0
	r3 = r10
	r3 += -16
	call kfunc bpf_dynptr_from_xdp
	r0 = 2
	exit

=== not-stack xdp EINVAL arg#2 expected pointer to stack or const struct bpf_dynptr
	r2 = 0
	r3 = r1
	call kfunc bpf_dynptr_from_xdp
	r0 = 2
	exit

=== clone sched_cls
	r2 = 0
	r3 = r10
	r3 += -16
	call kfunc bpf_dynptr_from_skb
	r1 = r10
	r1 += -16
	r2 = r10
	r2 += -32
	call kfunc bpf_dynptr_clone
	r1 = r10
	r1 += -32
	call kfunc bpf_dynptr_size
	r1 = r10
	r1 += -32
	r2 = 0
	r3 = 10
	call kfunc bpf_dynptr_adjust
	r0 = 0
	exit

=== clone-of-nothing sched_cls EINVAL Expected an initialized dynptr as arg #0
	r1 = r10
	r1 += -16
	r2 = r10
	r2 += -32
	call kfunc bpf_dynptr_clone
	r0 = 0
	exit

=== skb-meta sched_cls
	r2 = 0
	r3 = r10
	r3 += -16
	call kfunc bpf_dynptr_from_skb_meta
	r1 = r10
	r1 += -16
	r2 = 0
	r3 = 0
	r4 = 4
	call kfunc bpf_dynptr_slice
	if r0 == 0 goto out
	r0 = *(u32 *)(r0 + 0)
out:
	r0 = 0
	exit

=== half-overwritten xdp EINVAL Expected an initialized dynptr as arg #0
	r2 = 0
	r3 = r10
	r3 += -16
	call kfunc bpf_dynptr_from_xdp
	*(u8 *)(r10 - 1) = 0
	r1 = r10
	r1 += -16
	call kfunc bpf_dynptr_size
	r0 = 2
	exit
