# SPDX-License-Identifier: BSD-2-Clause
# The stack of a function is the 512 bytes below r10. An offset that is not constant must be
# bounded so that the whole access is within.

=== reject xdp EACCES invalid write to stack R10 off=-520 size=8
	*(u64 *)(r10 -520) = 0
	r0 = 2
	exit

=== accept xdp
	*(u64 *)(r10 -512) = 0
	r0 = 2
	exit
