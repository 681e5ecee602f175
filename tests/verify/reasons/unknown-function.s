# SPDX-License-Identifier: BSD-2-Clause
# A helper or kernel function that this kernel does not have.

=== reject xdp EINVAL invalid func unknown#99999
	call 99999
	r0 = 2
	exit

=== accept xdp
	call bpf_ktime_get_ns
	r0 = 2
	exit
