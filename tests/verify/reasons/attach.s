# SPDX-License-Identifier: BSD-2-Clause
# The program names what it attaches to (a function, a hook, a struct). That has to exist in this
# kernel, to be of a suitable type, and to take such programs.

=== reject tracing EINVAL Tracing programs must provide btf_id
	r0 = 0
	exit

=== accept raw_tracepoint
	r0 = 0
	exit
