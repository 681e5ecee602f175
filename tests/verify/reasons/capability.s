# SPDX-License-Identifier: BSD-2-Clause
# Something that is only for programs whose loader has a capability: functions of the program's
# own need CAP_BPF, reading kernel memory CAP_PERFMON, and so on.

=== reject socket_filter EPERM loading/calling other bpf or kernel functions are allowed for
# caps:
	call pc+1
	exit
	r0 = 0
	exit

=== accept socket_filter
# caps: bpf
	call pc+1
	exit
	r0 = 0
	exit
