# SPDX-License-Identifier: BSD-2-Clause
# Jumps stay within their function and lead to the beginning of an instruction; 64-bit immediates
# take two places, the second of which is none.

=== reject xdp EINVAL jump out of range
	r0 = 2
	goto pc+5
	exit

=== accept xdp
	r0 = 2
	goto pc+0
	exit
