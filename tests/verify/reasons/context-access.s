# SPDX-License-Identifier: BSD-2-Clause
# The context is a struct of fields, each with its size; which can be read and which written
# depends on the program type. Offsets between fields, parts of pointers, and writes to read-only
# fields are refused.

=== reject xdp EACCES invalid bpf_context access off=24 size=4
	r0 = *(u32 *)(r1 +24)
	exit

=== accept xdp
	r0 = *(u32 *)(r1 +12)
	r0 &= 1
	exit
