# SPDX-License-Identifier: BSD-2-Clause
# Ring buffer records, objects of other kinds.

=== write socket_filter
# map: rb ringbuf 0 0 4096
	r1 = map[rb]
	r2 = 16
	r3 = 0
	call bpf_ringbuf_reserve
	if r0 == 0 goto +4
	*(u64 *)(r0 + 8) = 1
	r1 = r0
	r2 = 0
	call bpf_ringbuf_discard
	r0 = 0
	exit

=== maybe-null socket_filter EACCES R0 invalid mem access 'ringbuf_mem_or_null'
# map: rb ringbuf 0 0 4096
	r1 = map[rb]
	r2 = 16
	r3 = 0
	call bpf_ringbuf_reserve
	*(u64 *)(r0 + 8) = 1
	r0 = 0
	exit

=== beyond socket_filter EACCES R0 min value is outside of the allowed memory range
# map: rb ringbuf 0 0 4096
	r1 = map[rb]
	r2 = 16
	r3 = 0
	call bpf_ringbuf_reserve
	if r0 == 0 goto +4
	*(u64 *)(r0 + 9) = 1
	r1 = r0
	r2 = 0
	call bpf_ringbuf_discard
	r0 = 0
	exit

=== leak socket_filter EACCES R10 leaks addr into mem
# map: rb ringbuf 0 0 4096
# caps: bpf
	r1 = map[rb]
	r2 = 16
	r3 = 0
	call bpf_ringbuf_reserve
	if r0 == 0 goto +4
	*(u64 *)(r0 + 8) = r10
	r1 = r0
	r2 = 0
	call bpf_ringbuf_discard
	r0 = 0
	exit
