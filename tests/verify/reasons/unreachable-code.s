# SPDX-License-Identifier: BSD-2-Clause
# Every instruction has to be reachable by some chain of jumps. Code behind an exit that nothing
# jumps to is refused, not ignored.

=== reject xdp EINVAL unreachable insn 2
	r0 = 2
	exit
	r0 = 1
	exit

=== accept xdp
	r0 = 2
	r1 = *(u32 *)(r1 +0)
	if r1 == 0 goto out
	r0 = 1
out:
	exit
