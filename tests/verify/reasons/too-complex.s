# SPDX-License-Identifier: BSD-2-Clause
# All paths are followed, instruction by instruction, up to a million of them in total; paths that
# reach a state known to be safe end early. A long loop whose rounds all differ uses this up.

=== reject xdp E2BIG BPF program is too large. Processed
	r1 = 0
	r0 = 2
again:
	r1 += 1
	if r1 < 900000 goto again
	exit

=== accept xdp
	r1 = 0
	r0 = 2
again:
	r1 += 1
	if r1 < 1000 goto again
	exit
