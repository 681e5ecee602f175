# SPDX-License-Identifier: BSD-2-Clause
# An address of the kernel would become visible: returned, stored in a map, sent in the packet.
# Programs with CAP_PERFMON may do this.

=== reject socket_filter EACCES R0 leaks addr as return value
# caps: bpf
	r0 = r10
	exit

=== accept socket_filter
# caps: bpf
	r0 = 0
	exit
