# SPDX-License-Identifier: BSD-2-Clause
# The same as for map values, of memory that a function returned (ring buffer records, slices of
# dynptrs) or that a global function was given.

=== reject xdp EACCES R0 min value is outside of the allowed memory range
# map: m ringbuf 0 0 4096
	r1 = map[m]
	r2 = 8
	r3 = 0
	call bpf_ringbuf_reserve
	if r0 == 0 goto out
	*(u64 *)(r0 +8) = 1
	r1 = r0
	r2 = 0
	call bpf_ringbuf_submit
out:
	r0 = 2
	exit

=== accept xdp
# map: m ringbuf 0 0 4096
	r1 = map[m]
	r2 = 8
	r3 = 0
	call bpf_ringbuf_reserve
	if r0 == 0 goto out
	*(u64 *)(r0 +0) = 1
	r1 = r0
	r2 = 0
	call bpf_ringbuf_submit
out:
	r0 = 2
	exit
