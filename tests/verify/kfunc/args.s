# SPDX-License-Identifier: BSD-2-Clause
# Which functions may be called, arguments, results.

=== unresolved xdp EINVAL invalid kernel function call not eliminated in verifier pass
	call kfunc 0
	r0 = 0
	exit

=== unresolved-dead xdp
	r0 = 0
	if r0 == 0 goto out
	call kfunc 0
out:
	exit

=== negative-offset xdp EINVAL negative offset disallowed for kernel module function call
	call kfunc 5-1
	r0 = 0
	exit

=== offset-without-array xdp EPROTO kfunc offset > 0 without fd_array is invalid
	call kfunc 5+1
	r0 = 0
	exit

=== not-a-function xdp EINVAL kernel btf_id 5 is not a function
	call kfunc 5
	r0 = 0
	exit

=== no-such-id xdp EINVAL kernel btf_id 99999999 is not a function
	call kfunc 99999999
	r0 = 0
	exit

=== not-for-xdp xdp EACCES calling kernel function bpf_dynptr_from_skb is not allowed
	call kfunc bpf_dynptr_from_skb
	r0 = 0
	exit

=== not-for-xdp-dead xdp
	r0 = 0
	if r0 == 0 goto out
	call kfunc bpf_dynptr_from_skb
out:
	exit

=== no-kfunc xdp EACCES calling kernel function schedule is not allowed
	call kfunc schedule
	r0 = 0
	exit

=== trap xdp EFAULT unexpected __bpf_trap() due to uninitialized variable?
	call kfunc __bpf_trap
	r0 = 0
	exit

=== licence xdp,not-gpl EINVAL cannot call kernel function from non-GPL compatible program
	call kfunc bpf_rcu_read_lock
	call kfunc bpf_rcu_read_unlock
	r0 = 0
	exit

=== clobbers xdp EACCES R1 !read_ok
	r1 = 1
	call kfunc bpf_rcu_read_lock
	r2 = r1
	call kfunc bpf_rcu_read_unlock
	r0 = 0
	exit

=== void-sets-no-r0 xdp EACCES R0 !read_ok
	r0 = 0
	call kfunc bpf_rcu_read_lock
	call kfunc bpf_rcu_read_unlock
	exit

=== task-reference syscall
	r1 = 1
	call kfunc bpf_task_from_pid
	if r0 == 0 goto out
	r1 = r0
	call kfunc bpf_task_release
out:
	r0 = 0
	exit

=== task-leak syscall EINVAL BPF_EXIT instruction in main prog would lead to reference leak
	r1 = 1
	call kfunc bpf_task_from_pid
	r0 = 0
	exit

=== task-null syscall EACCES Possibly NULL pointer passed to trusted arg0
	r1 = 1
	call kfunc bpf_task_from_pid
	r1 = r0
	call kfunc bpf_task_release
	r0 = 0
	exit

=== task-null-constant syscall EACCES Possibly NULL pointer passed to trusted arg0
	r1 = 0
	call kfunc bpf_task_acquire
	r0 = 0
	exit

=== task-twice syscall EINVAL
	r1 = 1
	call kfunc bpf_task_from_pid
	if r0 == 0 goto out
	r6 = r0
	r1 = r0
	call kfunc bpf_task_release
	r1 = r6
	call kfunc bpf_task_release
out:
	r0 = 0
	exit

=== task-used-after syscall EACCES R6 invalid mem access 'scalar'
	r1 = 1
	call kfunc bpf_task_from_pid
	if r0 == 0 goto out
	r6 = r0
	r1 = r0
	call kfunc bpf_task_release
	r0 = *(u32 *)(r6 + 0)
out:
	r0 = 0
	exit

=== task-offset syscall EINVAL R1 must have zero offset when passed to release func or trusted arg to kfunc
	r1 = 1
	call kfunc bpf_task_from_pid
	if r0 == 0 goto out
	r1 = r0
	r1 += 8
	call kfunc bpf_task_release
out:
	r0 = 0
	exit

=== cgroup-is-no-task syscall EINVAL kernel function bpf_task_release args#0 expected pointer to STRUCT task_struct but R1 has a pointer to STRUCT cgroup
	r1 = 1
	call kfunc bpf_cgroup_from_id
	if r0 == 0 goto out
	r1 = r0
	call kfunc bpf_task_release
out:
	r0 = 0
	exit

=== number-is-no-task syscall EINVAL
	r1 = 5
	call kfunc bpf_task_release
	r0 = 0
	exit

=== stack-is-no-task syscall EINVAL arg#0 pointer type STRUCT task_struct must point to scalar, or struct with scalar
	r1 = r10
	r1 += -8
	call kfunc bpf_task_release
	r0 = 0
	exit

=== acquire-again syscall
	r1 = 1
	call kfunc bpf_task_from_pid
	if r0 == 0 goto out
	r6 = r0
	r1 = r0
	call kfunc bpf_task_acquire
	if r0 == 0 goto one
	r1 = r0
	call kfunc bpf_task_release
one:
	r1 = r6
	call kfunc bpf_task_release
out:
	r0 = 0
	exit

=== memory-is-no-task syscall EINVAL arg#0 pointer type STRUCT task_struct must point to scalar, or struct with scalar
	r1 = 1
	call kfunc bpf_task_from_pid
	if r0 == 0 goto out
	r6 = r0
	r1 = r0
	r2 = 0
	call kfunc bpf_task_get_cgroup1
	if r0 == 0 goto release
	r1 = r0
	call kfunc bpf_cgroup_release
	r1 = r6
	r2 = 0
	call kfunc bpf_rdonly_cast
	r1 = r0
	call kfunc bpf_task_acquire
release:
	r1 = r6
	call kfunc bpf_task_release
out:
	r0 = 0
	exit

=== cpumask syscall
	call kfunc bpf_cpumask_create
	if r0 == 0 goto out
	r6 = r0
	r1 = 0
	r2 = r0
	call kfunc bpf_cpumask_set_cpu
	r1 = 0
	r2 = r6
	call kfunc bpf_cpumask_test_cpu
	r1 = r6
	call kfunc bpf_cpumask_release
out:
	r0 = 0
	exit

=== cpumask-null syscall EACCES Possibly NULL pointer passed to trusted arg1
	call kfunc bpf_cpumask_create
	r1 = 0
	r2 = r0
	call kfunc bpf_cpumask_set_cpu
	r0 = 0
	exit

=== xdp-metadata xdp EINVAL metadata kfuncs require device-bound program
	r2 = r10
	r2 += -8
	call kfunc bpf_xdp_metadata_rx_timestamp
	r0 = 2
	exit

=== xdp-metadata-dead xdp EINVAL metadata kfuncs require device-bound program
	r0 = 0
	if r0 == 0 goto out
	call kfunc bpf_xdp_metadata_rx_timestamp
out:
	r0 = 2
	exit

=== ctx-stack xdp EINVAL arg#0 expected pointer to ctx, but got fp
	r1 = r10
	r1 += -8
	r2 = 14
	call kfunc bpf_xdp_pull_data
	r0 = 2
	exit

=== ctx-number xdp EINVAL arg#0 expected pointer to ctx, but got scalar
	r1 = 7
	r2 = 14
	call kfunc bpf_xdp_pull_data
	r0 = 2
	exit

=== ctx-offset xdp EACCES dereference of modified ctx ptr R1 off=8 disallowed
	r1 += 8
	r2 = 14
	call kfunc bpf_xdp_pull_data
	r0 = 2
	exit

=== fixed-memory syscall
	*(u64 *)(r10 - 8) = 0
	r6 = r10
	r6 += -400
	r1 = r6
	r2 = 364
	r3 = 0
	r4 = 0
	call kfunc bpf_copy_from_user_str
	r1 = r6
	r2 = 364
	r3 = r10
	r3 += -4
	call kfunc bpf_crypto_ctx_create
	if r0 == 0 goto out
	r1 = r0
	call kfunc bpf_crypto_ctx_release
out:
	r0 = 0
	exit

=== fixed-memory-uninitialised syscall
	r6 = r10
	r6 += -400
	r1 = r6
	r2 = 364
	r3 = r10
	r3 += -4
	call kfunc bpf_crypto_ctx_create
	if r0 == 0 goto out
	r1 = r0
	call kfunc bpf_crypto_ctx_release
out:
	r0 = 0
	exit

=== fixed-memory-beyond syscall EINVAL
	r6 = r10
	r6 += -400
	r1 = r6
	r2 = 364
	r3 = r10
	r3 += -2
	call kfunc bpf_crypto_ctx_create
	r0 = 0
	exit

=== fixed-memory-null syscall EACCES Possibly NULL pointer passed to trusted arg2
	r6 = r10
	r6 += -400
	r1 = r6
	r2 = 364
	r3 = 0
	call kfunc bpf_crypto_ctx_create
	if r0 == 0 goto out
	r1 = r0
	call kfunc bpf_crypto_ctx_release
out:
	r0 = 0
	exit

=== fixed-memory-number syscall EACCES
	r6 = r10
	r6 += -400
	r1 = r6
	r2 = 364
	r3 = 64
	call kfunc bpf_crypto_ctx_create
	r0 = 0
	exit

=== pull-forgets-packet xdp EACCES
	r6 = r1
	r7 = *(u32 *)(r1 + 0)
	r8 = *(u32 *)(r1 + 4)
	r2 = r7
	r2 += 14
	if r2 > r8 goto out
	r2 = 14
	r1 = r6
	call kfunc bpf_xdp_pull_data
	r0 = *(u8 *)(r7 + 0)
out:
	r0 = 2
	exit

=== sized-memory syscall
	r6 = r10
	r6 += -16
	r1 = r6
	r2 = 16
	r3 = 0
	r4 = 0
	call kfunc bpf_copy_from_user_str
	r0 = 0
	exit

=== sized-memory-too-long syscall EINVAL
	r1 = r10
	r1 += -16
	r2 = 17
	r3 = 0
	r4 = 0
	call kfunc bpf_copy_from_user_str
	r0 = 0
	exit

=== sized-memory-negative syscall EACCES R2 min value is negative
	r1 = r10
	r1 += -16
	r2 = -1
	r3 = 0
	r4 = 0
	call kfunc bpf_copy_from_user_str
	r0 = 0
	exit

=== sized-memory-zero syscall
	r1 = r10
	r1 += -16
	r2 = 0
	r3 = 0
	r4 = 0
	call kfunc bpf_copy_from_user_str
	r0 = 0
	exit

=== sized-memory-null syscall EACCES Possibly NULL pointer passed to trusted arg0
	r1 = 0
	r2 = 0
	r3 = 0
	r4 = 0
	call kfunc bpf_copy_from_user_str
	r0 = 0
	exit

=== size-is-pointer syscall EINVAL
	r1 = r10
	r1 += -16
	r2 = r10
	r3 = 0
	r4 = 0
	call kfunc bpf_copy_from_user_str
	r0 = 0
	exit

=== cast-to-ctx sched_cls
	call kfunc bpf_cast_to_kern_ctx
	r0 = *(u32 *)(r0 + 112)
	r0 = 0
	exit

=== cast-to-ctx-xdp xdp
	call kfunc bpf_cast_to_kern_ctx
	r0 = *(u64 *)(r0 + 0)
	r0 = 0
	exit

=== cast-to-ctx-write xdp EACCES
	call kfunc bpf_cast_to_kern_ctx
	*(u64 *)(r0 + 0) = 0
	r0 = 0
	exit

=== cast-not-ctx xdp EINVAL arg#0 expected pointer to ctx, but got fp
	r1 = r10
	r1 += -8
	call kfunc bpf_cast_to_kern_ctx
	r0 = 0
	exit

=== cast-void xdp
	r2 = 0
	call kfunc bpf_rdonly_cast
	r0 = *(u64 *)(r0 + 64)
	r0 = 0
	exit

=== cast-void-write xdp EACCES
	r2 = 0
	call kfunc bpf_rdonly_cast
	*(u64 *)(r0 + 0) = 0
	r0 = 0
	exit

=== cast-unknown xdp EINVAL Unknown type ID 99999999 passed to kfunc bpf_rdonly_cast
	r2 = 99999999
	call kfunc bpf_rdonly_cast
	r0 = 0
	exit

=== cast-int xdp EINVAL kfunc bpf_rdonly_cast type ID argument must be of a struct or void
	r2 = 1
	call kfunc bpf_rdonly_cast
	r0 = 0
	exit

=== cast-not-constant xdp EINVAL R2 must be a known constant
	r2 = *(u32 *)(r1 + 12)
	call kfunc bpf_rdonly_cast
	r0 = 0
	exit

=== throw xdp
	r1 = 2
	call kfunc bpf_throw
	exit

=== throw-wrong-value cgroup_skb EINVAL
	r1 = 77
	call kfunc bpf_throw
	exit

=== throw-with-reference syscall EINVAL bpf_throw would lead to reference leak
	r1 = 1
	call kfunc bpf_task_from_pid
	r1 = 0
	call kfunc bpf_throw
	exit

=== throw-from-function xdp
	call f
	r0 = 2
	exit
f:
	r1 = 0
	call kfunc bpf_throw
	exit

=== obj-new-without-types syscall EINVAL bpf_obj_new/bpf_percpu_obj_new requires prog BTF
	r1 = 1
	r2 = 0
	call kfunc bpf_obj_new_impl
	r0 = 0
	exit

=== obj-new-range syscall EINVAL local type ID argument must be in range [0, U32_MAX]
	r1 = 0x100000000 ll
	r2 = 0
	call kfunc bpf_obj_new_impl
	r0 = 0
	exit

=== obj-drop-task syscall EINVAL
	r1 = 1
	call kfunc bpf_task_from_pid
	if r0 == 0 goto out
	r1 = r0
	r2 = 0
	call kfunc bpf_obj_drop_impl
out:
	r0 = 0
	exit

=== str-not-constant syscall EINVAL arg#1 doesn't point to a const string
	r1 = 1
	r2 = r10
	r3 = 0
	r4 = 0
	r5 = 0
	call kfunc bpf_stream_vprintk_impl
	r0 = 0
	exit

# Work that is queued returns 0, but not what a task does later.
=== work-returns syscall EINVAL At async callback return the register R0 has smin=1 smax=1 should have been in [0, 0]
# map: box array 4 16 1
# field: box 0 bpf_wq
	r6 = map[box][0] +0
	r1 = r6
	r2 = subprog[later]
	r3 = 0
	call kfunc bpf_wq_set_callback_impl
	r0 = 0
	exit
later:
	r0 = 1
	exit

=== task-work-returns tracepoint
# map: box array 4 64 1
# field: box 0 bpf_task_work
	call bpf_get_current_task_btf
	r1 = r0
	r2 = map[box][0] +0
	r3 = map[box]
	r4 = subprog[later]
	r5 = 0
	call kfunc bpf_task_work_schedule_signal_impl
	r0 = 0
	exit
later:
	r0 = 1
	exit

# Control flow is looked at before what it attaches to.
=== unreachable-first tracing EINVAL unreachable insn 1
	goto +1
	r0 = 0
	exit
