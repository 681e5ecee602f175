# SPDX-License-Identifier: BSD-2-Clause
# An opcode, or a combination of an opcode and its fields, that the instruction set of the kernel
# does not have: an object for a newer instruction set, or damaged code.

=== reject xdp EINVAL unknown opcode
	r0 = 2
	.insn 0x00000000000000ff
	exit

=== accept xdp
	r0 = 2
	exit
