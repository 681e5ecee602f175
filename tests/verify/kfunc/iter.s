# SPDX-License-Identifier: BSD-2-Clause
# Open-coded iterators.

=== num xdp
	r1 = r10
	r1 += -8
	r2 = 0
	r3 = 3
	call kfunc bpf_iter_num_new
	r1 = r10
	r1 += -8
	call kfunc bpf_iter_num_next
	r1 = r10
	r1 += -8
	call kfunc bpf_iter_num_destroy
	r0 = 0
	exit

=== loop xdp
	r6 = 0
	r1 = r10
	r1 += -8
	r2 = 0
	r3 = 1000
	call kfunc bpf_iter_num_new
next:
	r1 = r10
	r1 += -8
	call kfunc bpf_iter_num_next
	if r0 == 0 goto done
	r1 = *(u32 *)(r0 + 0)
	r6 += r1
	goto next
done:
	r1 = r10
	r1 += -8
	call kfunc bpf_iter_num_destroy
	r0 = 2
	exit

=== loop-index xdp
	*(u64 *)(r10 - 16) = 0
	*(u64 *)(r10 - 24) = 0
	r6 = 0
	r1 = r10
	r1 += -8
	r2 = 0
	r3 = 16
	call kfunc bpf_iter_num_new
next:
	r1 = r10
	r1 += -8
	call kfunc bpf_iter_num_next
	if r0 == 0 goto done
	r1 = *(s32 *)(r0 + 0)
	if r1 s< 0 goto next
	if r1 s> 15 goto next
	r2 = r10
	r2 += -24
	r2 += r1
	*(u8 *)(r2 + 0) = r1
	r6 += 1
	goto next
done:
	r1 = r10
	r1 += -8
	call kfunc bpf_iter_num_destroy
	r0 = 2
	exit

=== loop-unbounded-index xdp EINVAL expected an initialized iter_num as arg #0
	*(u64 *)(r10 - 16) = 0
	*(u64 *)(r10 - 24) = 0
	r6 = 0
	r1 = r10
	r1 += -8
	r2 = 0
	r3 = 16
	call kfunc bpf_iter_num_new
next:
	r1 = r10
	r1 += -8
	call kfunc bpf_iter_num_next
	if r0 == 0 goto done
	r2 = r10
	r2 += -24
	r2 += r6
	*(u8 *)(r2 + 0) = 1
	r6 += 1
	goto next
done:
	r1 = r10
	r1 += -8
	call kfunc bpf_iter_num_destroy
	r0 = 2
	exit

=== nested xdp
	r6 = 0
	r1 = r10
	r1 += -8
	r2 = 0
	r3 = 10
	call kfunc bpf_iter_num_new
outer:
	r1 = r10
	r1 += -8
	call kfunc bpf_iter_num_next
	if r0 == 0 goto done
	r1 = r10
	r1 += -16
	r2 = 0
	r3 = 10
	call kfunc bpf_iter_num_new
inner:
	r1 = r10
	r1 += -16
	call kfunc bpf_iter_num_next
	if r0 == 0 goto inner_done
	r6 += 1
	goto inner
inner_done:
	r1 = r10
	r1 += -16
	call kfunc bpf_iter_num_destroy
	goto outer
done:
	r1 = r10
	r1 += -8
	call kfunc bpf_iter_num_destroy
	r0 = 2
	exit

=== spilled-count xdp
	*(u64 *)(r10 - 16) = 0
	r1 = r10
	r1 += -8
	r2 = 0
	r3 = 10
	call kfunc bpf_iter_num_new
next:
	r1 = r10
	r1 += -8
	call kfunc bpf_iter_num_next
	if r0 == 0 goto done
	r1 = *(u64 *)(r10 - 16)
	r1 += 1
	*(u64 *)(r10 - 16) = r1
	goto next
done:
	r1 = r10
	r1 += -8
	call kfunc bpf_iter_num_destroy
	r0 = 2
	exit

=== leak xdp EINVAL BPF_EXIT instruction in main prog would lead to reference leak
	r1 = r10
	r1 += -8
	r2 = 0
	r3 = 3
	call kfunc bpf_iter_num_new
	r0 = 0
	exit

=== uninitialised xdp EINVAL expected an initialized iter_num as arg #0
	*(u64 *)(r10 - 8) = 0
	r1 = r10
	r1 += -8
	call kfunc bpf_iter_num_next
	r0 = 0
	exit

=== no-stack-yet xdp EINVAL expected an initialized iter_num as arg #0
	r1 = r10
	r1 += -8
	call kfunc bpf_iter_num_next
	r0 = 0
	exit

=== twice xdp EINVAL expected uninitialized iter_num as arg #0
	r1 = r10
	r1 += -8
	r2 = 0
	r3 = 3
	call kfunc bpf_iter_num_new
	r1 = r10
	r1 += -8
	r2 = 0
	r3 = 3
	call kfunc bpf_iter_num_new
	r0 = 0
	exit

=== destroyed xdp EINVAL expected an initialized iter_num as arg #0
	r1 = r10
	r1 += -8
	r2 = 0
	r3 = 3
	call kfunc bpf_iter_num_new
	r1 = r10
	r1 += -8
	call kfunc bpf_iter_num_destroy
	r1 = r10
	r1 += -8
	call kfunc bpf_iter_num_next
	r0 = 0
	exit

=== element-after-destroy xdp EACCES R6 invalid mem access 'scalar'
	r1 = r10
	r1 += -8
	r2 = 0
	r3 = 3
	call kfunc bpf_iter_num_new
	r1 = r10
	r1 += -8
	call kfunc bpf_iter_num_next
	r6 = r0
	r1 = r10
	r1 += -8
	call kfunc bpf_iter_num_destroy
	if r6 == 0 goto out
	r0 = *(u32 *)(r6 + 0)
out:
	r0 = 0
	exit

=== element-write xdp EACCES R0 cannot write into rdonly_mem
	r1 = r10
	r1 += -8
	r2 = 0
	r3 = 3
	call kfunc bpf_iter_num_new
	r1 = r10
	r1 += -8
	call kfunc bpf_iter_num_next
	if r0 == 0 goto out
	*(u32 *)(r0 + 0) = 1
out:
	r1 = r10
	r1 += -8
	call kfunc bpf_iter_num_destroy
	r0 = 0
	exit

=== element-beyond xdp EACCES
	r1 = r10
	r1 += -8
	r2 = 0
	r3 = 3
	call kfunc bpf_iter_num_new
	r1 = r10
	r1 += -8
	call kfunc bpf_iter_num_next
	if r0 == 0 goto out
	r0 = *(u32 *)(r0 + 4)
out:
	r1 = r10
	r1 += -8
	call kfunc bpf_iter_num_destroy
	r0 = 0
	exit

=== overwritten xdp EINVAL
	r1 = r10
	r1 += -8
	r2 = 0
	r3 = 3
	call kfunc bpf_iter_num_new
	*(u8 *)(r10 - 3) = 0
	r1 = r10
	r1 += -8
	call kfunc bpf_iter_num_destroy
	r0 = 0
	exit

=== not-stack xdp EINVAL arg#0 expected pointer to an iterator on stack
	r2 = 0
	r3 = 3
	call kfunc bpf_iter_num_new
	r0 = 0
	exit

=== misaligned xdp EINVAL cannot pass in iter at an offset=-9
	r1 = r10
	r1 += -9
	r2 = 0
	r3 = 3
	call kfunc bpf_iter_num_new
	r0 = 0
	exit

=== too-high xdp EINVAL cannot pass in iter at an offset=-8
	r1 = r10
	r1 += -8
	r2 = 0
	r3 = 2
	call kfunc bpf_iter_task_new
	r0 = 0
	exit

=== not-a-number xdp EINVAL R2 is not a scalar
	r1 = r10
	r1 += -8
	r2 = r10
	r3 = 3
	call kfunc bpf_iter_num_new
	r0 = 0
	exit

=== other-type xdp EINVAL expected an initialized iter_num as arg #0
	r1 = r10
	r1 += -24
	r2 = 0
	r3 = 2
	call kfunc bpf_iter_task_new
	r1 = r10
	r1 += -24
	call kfunc bpf_iter_num_next
	r0 = 0
	exit

=== task syscall EACCES kernel func bpf_iter_task_new requires RCU critical section protection
	r1 = r10
	r1 += -24
	r2 = 0
	r3 = 2
	call kfunc bpf_iter_task_new
	r0 = 0
	exit

=== task-loop syscall
	r6 = 0
	call kfunc bpf_rcu_read_lock
	r1 = r10
	r1 += -24
	r2 = 0
	r3 = 2
	call kfunc bpf_iter_task_new
next:
	r1 = r10
	r1 += -24
	call kfunc bpf_iter_task_next
	if r0 == 0 goto done
	r6 += 1
	r1 = r0
	call kfunc bpf_task_acquire
	if r0 == 0 goto next
	r1 = r0
	call kfunc bpf_task_release
	goto next
done:
	r1 = r10
	r1 += -24
	call kfunc bpf_iter_task_destroy
	call kfunc bpf_rcu_read_unlock
	r0 = 0
	exit

=== task-past-rcu syscall EPROTO expected an RCU CS when using bpf_iter_task_next
	call kfunc bpf_rcu_read_lock
	r1 = r10
	r1 += -24
	r2 = 0
	r3 = 2
	call kfunc bpf_iter_task_new
	call kfunc bpf_rcu_read_unlock
	r1 = r10
	r1 += -24
	call kfunc bpf_iter_task_next
	r1 = r10
	r1 += -24
	call kfunc bpf_iter_task_destroy
	r0 = 0
	exit

=== element-past-rcu syscall EINVAL
	r7 = 0
	call kfunc bpf_rcu_read_lock
	r1 = r10
	r1 += -24
	r2 = 0
	r3 = 2
	call kfunc bpf_iter_task_new
	r1 = r10
	r1 += -24
	call kfunc bpf_iter_task_next
	r7 = r0
	r1 = r10
	r1 += -24
	call kfunc bpf_iter_task_destroy
	call kfunc bpf_rcu_read_unlock
	if r7 == 0 goto out
	r1 = r7
	call kfunc bpf_task_acquire
	if r0 == 0 goto out
	r1 = r0
	call kfunc bpf_task_release
out:
	r0 = 0
	exit

=== css-task-not-here xdp EINVAL css_task_iter is only allowed in bpf_lsm, bpf_iter and sleepable progs
	r1 = r10
	r1 += -8
	r2 = 0
	r3 = 0
	call kfunc bpf_iter_css_task_new
	r0 = 0
	exit

=== bits xdp
	*(u64 *)(r10 - 8) = 5
	r1 = r10
	r1 += -24
	r2 = r10
	r2 += -8
	r3 = 1
	call kfunc bpf_iter_bits_new
next:
	r1 = r10
	r1 += -24
	call kfunc bpf_iter_bits_next
	if r0 != 0 goto next
	r1 = r10
	r1 += -24
	call kfunc bpf_iter_bits_destroy
	r0 = 0
	exit

=== infinite-in-callee xdp
	r1 = r10
	r1 += -8
	r2 = 0
	r3 = 3
	call kfunc bpf_iter_num_new
next:
	r1 = r10
	r1 += -8
	call step
	if r0 != 0 goto next
	r1 = r10
	r1 += -8
	call kfunc bpf_iter_num_destroy
	r0 = 0
	exit
step:
	call kfunc bpf_iter_num_next
	if r0 == 0 goto out
	r0 = 1
out:
	exit
