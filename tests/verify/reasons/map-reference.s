# SPDX-License-Identifier: BSD-2-Clause
# The map that an instruction loads has to be one that this program may use: some types are only
# for some kinds of programs, others cannot be accessed directly.

=== reject xdp EINVAL no direct value access support for this map type
# map: m prog_array 4 4 4
	r1 = map[m][0] +0
	r0 = 2
	exit

=== accept xdp
# map: m array 4 8 1
	r1 = map[m][0] +0
	r0 = 2
	exit
