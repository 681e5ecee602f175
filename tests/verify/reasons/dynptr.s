# SPDX-License-Identifier: BSD-2-Clause
# A dynptr lives in 16 bytes of stack that only functions of the kernel touch. It is made once,
# used, and released if its kind has to be.

=== reject xdp EINVAL cannot overwrite referenced dynptr
# map: m ringbuf 0 0 4096
	r1 = map[m]
	r2 = 8
	r3 = 0
	r4 = r10
	r4 += -16
	call bpf_ringbuf_reserve_dynptr
	*(u64 *)(r10 -16) = 0
	r0 = 2
	exit

=== accept xdp
# map: m ringbuf 0 0 4096
	r1 = map[m]
	r2 = 8
	r3 = 0
	r4 = r10
	r4 += -16
	call bpf_ringbuf_reserve_dynptr
	r1 = r10
	r1 += -16
	r2 = 0
	call bpf_ringbuf_discard_dynptr
	r0 = 2
	exit
