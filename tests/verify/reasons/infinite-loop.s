# SPDX-License-Identifier: BSD-2-Clause
# A path came to an instruction for the second time and nothing had changed: it would go on for
# ever.

=== reject xdp EINVAL infinite loop detected at insn
	r0 = 2
	r1 = 0
again:
	if r1 == 1 goto out
	r2 = 5
	goto again
out:
	exit

=== accept xdp
	r0 = 2
	r1 = 0
again:
	if r1 == 100 goto out
	r1 += 1
	goto again
out:
	exit
