# SPDX-License-Identifier: BSD-2-Clause
# A constant with which the operation has no meaning: division by 0, a shift by the width of the
# register or more.

=== reject xdp EINVAL invalid shift 64
	r0 = 2
	r0 <<= 64
	exit

=== accept xdp
	r0 = 2
	r0 <<= 3
	r0 &= 3
	exit
