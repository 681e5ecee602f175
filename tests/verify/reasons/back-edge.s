# SPDX-License-Identifier: BSD-2-Clause
# A jump backwards is a loop. Without CAP_BPF loops are not allowed at all; with it, they are
# followed round by round until they end.

=== reject socket_filter EINVAL back-edge from insn 3 to 2
# caps:
	r0 = 0
	r1 = 0
	r1 += 1
	if r1 < 4 goto pc-2
	exit

=== accept socket_filter
	r0 = 0
	r1 = 0
	r1 += 1
	if r1 < 4 goto pc-2
	exit
