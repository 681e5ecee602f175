# SPDX-License-Identifier: BSD-2-Clause
# Structs of the kernel through pointers of tracing programs.

=== read tracing
# attach: 23 btf_trace_sched_switch
	r6 = *(u64 *)(r1 + 8)
	r0 = *(u32 *)(r6 + 16)
	r0 = 0
	exit

=== beyond tracing EACCES access beyond struct task_struct at off 20000 size 4
# attach: 23 btf_trace_sched_switch
	r6 = *(u64 *)(r1 + 8)
	r0 = *(u32 *)(r6 + 20000)
	r0 = 0
	exit

=== write tracing EACCES only read is supported
# attach: 23 btf_trace_sched_switch
	r6 = *(u64 *)(r1 + 8)
	*(u32 *)(r6 + 16) = 0
	r0 = 0
	exit

=== context-write tracing EACCES invalid bpf_context access off=8 size=8
# attach: 23 btf_trace_sched_switch
	*(u64 *)(r1 + 8) = 0
	r0 = 0
	exit

=== context-half tracing EACCES invalid bpf_context access off=8 size=4
# attach: 23 btf_trace_sched_switch
	r0 = *(u32 *)(r1 + 8)
	r0 = 0
	exit

=== context-beyond tracing EACCES invalid bpf_context access off=32 size=8
# attach: 23 btf_trace_sched_switch
	r0 = *(u32 *)(r1 + 0)
	r0 = *(u64 *)(r1 + 24)
	r0 = *(u64 *)(r1 + 32)
	r0 = 0
	exit

=== negative tracing EACCES R6 is ptr_task_struct invalid negative access: off=-8
# attach: 23 btf_trace_sched_switch
	r6 = *(u64 *)(r1 + 8)
	r0 = *(u64 *)(r6 - 8)
	r0 = 0
	exit

=== variable tracing EACCES R6 is ptr_task_struct invalid variable offset: off=0, var_off=(0x0; 0x8)
# attach: 23 btf_trace_sched_switch
	r6 = *(u64 *)(r1 + 8)
	r0 = *(u32 *)(r6 + 16)
	r0 &= 8
	r6 += r0
	r0 = *(u64 *)(r6 + 0)
	r0 = 0
	exit

=== not-gpl tracing,not-gpl EINVAL Cannot access kernel 'struct task_struct' from non-GPL compatible program
# attach: 23 btf_trace_sched_switch
	r6 = *(u64 *)(r1 + 8)
	r0 = *(u64 *)(r6 + 0)
	r0 = 0
	exit

=== atomic tracing EACCES only read is supported
# attach: 23 btf_trace_sched_switch
	r6 = *(u64 *)(r1 + 8)
	r2 = 0
	lock *(u64 *)(r6 + 0) += r2
	r0 = 0
	exit

=== iterator tracing
# attach: 28 bpf_iter_task
	r6 = *(u64 *)(r1 + 8)
	if r6 == 0 goto +1
	r0 = *(u64 *)(r6 + 32)
	r0 = 0
	exit

=== struct-ops struct_ops
# attach: 0 tcp_congestion_ops
	r6 = *(u64 *)(r1 + 0)
	r0 = 0
	exit
