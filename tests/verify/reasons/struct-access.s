# SPDX-License-Identifier: BSD-2-Clause
# Kernel structs are read member by member, as their types say: not beyond the struct, not across
# two members, and hardly any member may be written.

=== reject raw_tracepoint EACCES access beyond struct task_struct
	call bpf_get_current_task_btf
	r1 = *(u64 *)(r0 +32000)
	r0 = 0
	exit

=== accept raw_tracepoint
	call bpf_get_current_task_btf
	r1 = *(u64 *)(r0 +0)
	r0 = 0
	exit
