# SPDX-License-Identifier: BSD-2-Clause
# What a function acquires (a socket, a ring buffer record, an object) belongs to the program
# until it releases it, on every path, early returns included.

=== reject xdp EINVAL BPF_EXIT instruction in main prog would lead to reference leak
# map: m ringbuf 0 0 4096
	r2 = 8
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
