# SPDX-License-Identifier: BSD-2-Clause
# A kernel pointer in a map value is exchanged as a whole, by bpf_kptr_xchg(), with a pointer of
# the declared type or NULL.

=== reject sched_cls EACCES kptr access size must be BPF_DW
# map: m array 4 32 1
# field: m 16 kptr task_struct
	r2 = map[m][0] +0
	r3 = *(u32 *)(r2 +16)
	r0 = 0
	exit

=== accept sched_cls
# map: m array 4 32 1
# field: m 16 kptr task_struct
	r2 = map[m][0] +0
	r3 = *(u64 *)(r2 +16)
	r0 = 0
	exit
