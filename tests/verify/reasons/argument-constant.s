# SPDX-License-Identifier: BSD-2-Clause
# Some arguments are needed when the program is loaded, not when it runs: sizes of allocations,
# format strings, type ids. They have to be constants.

=== reject xdp EACCES R2 is not a known constant
# map: m ringbuf 0 0 4096
	r2 = *(u32 *)(r1 +12)
	r1 = map[m]
	r3 = 0
	call bpf_ringbuf_reserve
	r0 = 2
	exit

=== accept xdp
# map: m ringbuf 0 0 4096
	r2 = 8
	r1 = map[m]
	r3 = 0
	call bpf_ringbuf_reserve
	if r0 == 0 goto out
	r1 = r0
	r2 = 0
	call bpf_ringbuf_discard
out:
	r0 = 2
	exit
