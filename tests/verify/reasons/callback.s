# SPDX-License-Identifier: BSD-2-Clause
# A callback is a static function of the program, whose address is taken with its name; global
# functions, numbers and functions with other results do not do.

=== reject xdp ENOTSUPP callback function not allowed for map
# map: m ringbuf 0 0 4096
	r1 = map[m]
	r2 = subprog[+6]
	r3 = 0
	r4 = 0
	call bpf_for_each_map_elem
	r0 = 2
	exit
	r0 = 0
	exit

=== accept xdp
# map: m array 4 8 4
	r1 = map[m]
	r2 = subprog[+6]
	r3 = 0
	r4 = 0
	call bpf_for_each_map_elem
	r0 = 2
	exit
	r0 = 0
	exit
