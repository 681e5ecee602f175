# SPDX-License-Identifier: BSD-2-Clause
# Some functions are only for programs under a licence that is compatible with the GPL. The
# section `license` of the object says which it is.

=== reject xdp,not-gpl EINVAL cannot call GPL-restricted function from non-GPL compatible program
	*(u64 *)(r10 -8) = 0
	r1 = r10
	r1 += -8
	r2 = 8
	call bpf_trace_printk
	r0 = 2
	exit

=== accept xdp
	*(u64 *)(r10 -8) = 0
	r1 = r10
	r1 += -8
	r2 = 8
	call bpf_trace_printk
	r0 = 2
	exit
