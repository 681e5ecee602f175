# SPDX-License-Identifier: BSD-2-Clause
# r10 is where the stack of the function ends. It cannot be changed.

=== reject xdp EACCES frame pointer is read only
	r10 += -8
	r0 = 2
	exit

=== accept xdp
	r2 = r10
	r2 += -8
	*(u64 *)(r2 +0) = 0
	r0 = 2
	exit
