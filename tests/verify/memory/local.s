# SPDX-License-Identifier: BSD-2-Clause
# Objects of the program's own, pointers kept in maps.

=== inside-member sched_cls EACCES access beyond the end of member b (mend:16) in struct item with off 12 size 8
# struct: item 24
	r1 = 4
	r2 = 0
	call kfunc bpf_obj_new_impl
	if r0 == 0 goto out
	r1 = *(u64 *)(r0 + 8)
	r1 = *(u32 *)(r0 + 12)
	r1 = *(u64 *)(r0 + 12)
	r1 = r0
	r2 = 0
	call kfunc bpf_obj_drop_impl
out:
	r0 = 0
	exit

=== read-node sched_cls EACCES direct access to bpf_rb_node is disallowed
# struct: item 64
# field: item 0 u64
# field: item 8 bpf_rb_node
# field: item 40 bpf_refcount
	r1 = 6
	r2 = 0
	call kfunc bpf_obj_new_impl
	if r0 == 0 goto out
	r1 = *(u64 *)(r0 + 8)
	r1 = r0
	r2 = 0
	call kfunc bpf_obj_drop_impl
out:
	r0 = 0
	exit

=== write-refcount sched_cls EACCES direct access to bpf_refcount is disallowed
# struct: item 64
# field: item 0 u64
# field: item 8 bpf_rb_node
# field: item 40 bpf_refcount
	r1 = 6
	r2 = 0
	call kfunc bpf_obj_new_impl
	if r0 == 0 goto out
	*(u64 *)(r0 + 0) = 8
	*(u32 *)(r0 + 40) = 8
	r1 = r0
	r2 = 0
	call kfunc bpf_obj_drop_impl
out:
	r0 = 0
	exit

=== maybe-null sched_cls EACCES R0 invalid mem access 'ptr_or_null_'
# struct: item 24
	r1 = 4
	r2 = 0
	call kfunc bpf_obj_new_impl
	*(u64 *)(r0 + 0) = 8
out:
	r0 = 0
	exit

=== negative sched_cls EACCES R0 is ptr_item invalid negative access: off=-8
# struct: item 24
	r1 = 4
	r2 = 0
	call kfunc bpf_obj_new_impl
	if r0 == 0 goto out
	r0 += 8
	*(u64 *)(r0 + 8) = r10
	*(u64 *)(r0 - 16) = r10
	r1 = r0
	r2 = 0
	call kfunc bpf_obj_drop_impl
out:
	r0 = 0
	exit

=== variable sched_cls EACCES R0 is ptr_item invalid variable offset: off=8, var_off=(0x0; 0x8)
# struct: item 24
	r6 = r1
	r1 = 4
	r2 = 0
	call kfunc bpf_obj_new_impl
	if r0 == 0 goto out
	r7 = *(u32 *)(r6 + 0)
	r7 &= 8
	r0 += r7
	*(u64 *)(r0 + 8) = 1
	r1 = r0
	r2 = 0
	call kfunc bpf_obj_drop_impl
out:
	r0 = 0
	exit

=== atomic sched_cls
# struct: item 24
	r1 = 4
	r2 = 0
	call kfunc bpf_obj_new_impl
	if r0 == 0 goto out
	r2 = 1
	lock *(u64 *)(r0 + 8) += r2
	r1 = r0
	r2 = 0
	call kfunc bpf_obj_drop_impl
out:
	r0 = 0
	exit

=== kept-object sched_cls
# struct: item 24
# map: m array 4 32 1
# field: m 8 kptr item
	r1 = map[m][0] +0
	r1 = *(u64 *)(r1 + 8)
	if r1 == 0 goto out
	r2 = *(u64 *)(r1 + 8)
	*(u64 *)(r1 + 16) = 8
out:
	r0 = 0
	exit

=== kept-maybe-null sched_cls EACCES R1 invalid mem access 'rcu_ptr_or_null_'
# struct: item 24
# map: m array 4 32 1
# field: m 8 kptr item
	r1 = map[m][0] +0
	r1 = *(u64 *)(r1 + 8)
	r2 = *(u64 *)(r1 + 8)
	r0 = 0
	exit

=== kept-without-rcu syscall EACCES only read is supported
# struct: item 24
# map: m array 4 32 1
# field: m 8 kptr item
	r1 = map[m][0] +0
	r1 = *(u64 *)(r1 + 8)
	if r1 == 0 goto out
	r2 = *(u64 *)(r1 + 8)
	*(u64 *)(r1 + 8) = 2
out:
	r0 = 0
	exit

=== percpu sched_cls EACCES R1 is ptr_item access percpu memory: off=8
# struct: item 24
# map: m array 4 32 1
# field: m 8 percpu_kptr item
	r1 = map[m][0] +0
	r1 = *(u64 *)(r1 + 8)
	if r1 == 0 goto out
	r2 = *(u64 *)(r1 + 8)
out:
	r0 = 0
	exit

=== percpu-store sched_cls EACCES store to referenced kptr disallowed
# struct: item 24
# map: m array 4 32 1
# field: m 8 percpu_kptr item
	r1 = map[m][0] +0
	*(u64 *)(r1 + 8) = 0
	r0 = 0
	exit

=== percpu-size sched_cls EACCES percpu_kptr access size must be BPF_DW
# struct: item 24
# map: m array 4 32 1
# field: m 8 percpu_kptr item
	r1 = map[m][0] +0
	r0 = *(u32 *)(r1 + 8)
	r0 = 0
	exit

=== kept-task-is-rcu tracing EACCES R1 type=rcu_ptr_ expected=fp, pkt, pkt_meta, map_key, map_value, mem, ringbuf_mem, buf, trusted_ptr_
# attach: 23 btf_trace_sched_switch
# map: m array 4 32 1
# field: m 8 kptr task_struct
	r1 = map[m][0] +0
	r1 = *(u64 *)(r1 + 8)
	if r1 == 0 goto out
	r2 = *(u64 *)(r1 + 8)
	r2 = 16
	call bpf_get_current_comm
out:
	r0 = 0
	exit

=== keep-task tracing
# attach: 23 btf_trace_sched_switch
# map: m array 4 32 1
# field: m 8 kptr_untrusted task_struct
	r2 = *(u64 *)(r1 + 8)
	r1 = map[m][0] +0
	*(u64 *)(r1 + 8) = r2
	r0 = 0
	exit

=== keep-other-type tracing EACCES invalid kptr access, R2 type=trusted_ptr_task_struct expected=ptr_cgroup or untrusted_ptr_cgroup
# attach: 23 btf_trace_sched_switch
# map: m array 4 32 1
# field: m 8 kptr_untrusted cgroup
	r2 = *(u64 *)(r1 + 8)
	r1 = map[m][0] +0
	*(u64 *)(r1 + 8) = r2
	r0 = 0
	exit

=== keep-stack tracing EACCES invalid kptr access, R10 type=fp expected=ptr_task_struct or untrusted_ptr_task_struct
# attach: 23 btf_trace_sched_switch
# map: m array 4 32 1
# field: m 8 kptr_untrusted task_struct
	r1 = map[m][0] +0
	*(u64 *)(r1 + 8) = r10
	r0 = 0
	exit

=== user-page-beyond tracing EACCES R1 min value is outside of the allowed memory range
# attach: 23 btf_trace_sched_switch
# struct: item 24
# map: m task_storage 4 8 0 1
# field: m 0 uptr item
	r2 = *(u64 *)(r1 + 8)
	r1 = map[m]
	r3 = 0
	r4 = 0
	call bpf_task_storage_get
	if r0 == 0 goto out
	r1 = *(u64 *)(r0 + 0)
	if r1 == 0 goto out
	r2 = *(u64 *)(r1 + 16)
	*(u64 *)(r1 + 16) = 2
	r2 = *(u64 *)(r1 + 24)
out:
	r0 = 0
	exit

=== user-page-maybe-null tracing EACCES R1 invalid mem access 'mem_or_null'
# attach: 23 btf_trace_sched_switch
# struct: item 24
# map: m task_storage 4 8 0 1
# field: m 0 uptr item
	r2 = *(u64 *)(r1 + 8)
	r1 = map[m]
	r3 = 0
	r4 = 0
	call bpf_task_storage_get
	if r0 == 0 goto out
	r1 = *(u64 *)(r0 + 0)
	r2 = *(u64 *)(r1 + 16)
out:
	r0 = 0
	exit

=== user-page-store tracing EACCES store to uptr disallowed
# attach: 23 btf_trace_sched_switch
# struct: item 24
# map: m task_storage 4 8 0 1
# field: m 0 uptr item
	r2 = *(u64 *)(r1 + 8)
	r1 = map[m]
	r3 = 0
	r4 = 0
	call bpf_task_storage_get
	if r0 == 0 goto out
	*(u64 *)(r0 + 0) = 0
out:
	r0 = 0
	exit

=== user-page-misaligned tracing EACCES uptr access misaligned expected=0 off=1
# attach: 23 btf_trace_sched_switch
# struct: item 24
# map: m task_storage 4 8 0 1
# field: m 0 uptr item
	r2 = *(u64 *)(r1 + 8)
	r1 = map[m]
	r3 = 0
	r4 = 0
	call bpf_task_storage_get
	if r0 == 0 goto out
	r1 = *(u8 *)(r0 + 1)
out:
	r0 = 0
	exit

=== user-page-by-call tracing EACCES uptr cannot be accessed indirectly by helper
# attach: 23 btf_trace_sched_switch
# struct: item 24
# map: m task_storage 4 8 0 1
# field: m 0 uptr item
	r2 = *(u64 *)(r1 + 8)
	r1 = map[m]
	r3 = 0
	r4 = 0
	call bpf_task_storage_get
	if r0 == 0 goto out
	r1 = r0
	r2 = 8
	call bpf_get_current_comm
out:
	r0 = 0
	exit
