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

# Of some structs, only some functions may sleep.
=== struct-ops-sleeps struct_ops,sleepable EINVAL attach to unsupported member test_2 of struct bpf_dummy_ops
# attach: 1 bpf_dummy_ops
	r0 = 0
	exit

=== struct-ops-may-sleep struct_ops,sleepable
# attach: 2 bpf_dummy_ops
	r0 = 0
	exit

# What is written of a connection that is not known yet, is the connection's mark.
=== mark-of-new sched_cls
	*(u64 *)(r10 -24) = 0
	*(u64 *)(r10 -32) = 0
	*(u32 *)(r10 -16) = -1
	*(u32 *)(r10 -12) = 0
	*(u64 *)(r10 -8) = 6
	r2 = r10
	r2 += -32
	r3 = 12
	r4 = r10
	r4 += -16
	r5 = 16
	call kfunc bpf_skb_ct_alloc
	if r0 == 0 goto out
	r6 = r0
	*(u32 *)(r6 + 168) = 77
	r1 = r6
	call kfunc bpf_ct_insert_entry
	if r0 == 0 goto out
	r1 = r0
	call kfunc bpf_ct_release
out:
	r0 = 0
	exit
