# SPDX-License-Identifier: BSD-2-Clause
# The last instruction of a function is an exit or a jump: control must not run on into what
# follows in memory. Compilers do this for functions whose end they consider unreachable, for
# example behind a condition that they think is always true.

=== reject xdp EINVAL last insn is not an exit or jmp
	r0 = 2

=== accept xdp
	r0 = 2
	exit
