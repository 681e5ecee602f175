# SPDX-License-Identifier: BSD-2-Clause
# Sections: RCU, preemption, interrupts; what may not be called inside, and what ends with them.

=== rcu syscall
	call kfunc bpf_rcu_read_lock
	call kfunc bpf_rcu_read_unlock
	r0 = 0
	exit

=== rcu-nested xdp EINVAL nested rcu read lock (kernel function bpf_rcu_read_lock)
	call kfunc bpf_rcu_read_lock
	call kfunc bpf_rcu_read_lock
	call kfunc bpf_rcu_read_unlock
	r0 = 0
	exit

=== rcu-unmatched xdp EINVAL unmatched rcu read unlock (kernel function bpf_rcu_read_unlock)
	call kfunc bpf_rcu_read_unlock
	r0 = 0
	exit

=== rcu-left-open xdp EINVAL BPF_EXIT instruction in main prog cannot be used inside bpf_rcu_read_lock-ed region
	call kfunc bpf_rcu_read_lock
	r0 = 0
	exit

=== rcu-one-branch xdp EINVAL BPF_EXIT instruction in main prog cannot be used inside bpf_rcu_read_lock-ed region
	r6 = *(u32 *)(r1 + 12)
	call kfunc bpf_rcu_read_lock
	if r6 == 5 goto out
	call kfunc bpf_rcu_read_unlock
out:
	r0 = 0
	exit

=== preempt xdp
	call kfunc bpf_preempt_disable
	call kfunc bpf_preempt_disable
	call kfunc bpf_preempt_enable
	call kfunc bpf_preempt_enable
	r0 = 0
	exit

=== preempt-unmatched xdp EINVAL unmatched attempt to enable preemption (kernel function bpf_preempt_enable)
	call kfunc bpf_preempt_enable
	r0 = 0
	exit

=== preempt-left-off xdp EINVAL BPF_EXIT instruction in main prog cannot be used inside bpf_preempt_disable-ed region
	call kfunc bpf_preempt_disable
	r0 = 0
	exit

=== preempt-sleepable syscall EACCES kernel func bpf_copy_from_user_str is sleepable within non-preemptible region
	*(u64 *)(r10 - 8) = 0
	call kfunc bpf_preempt_disable
	r1 = r10
	r1 += -8
	r2 = 8
	r3 = 0
	r4 = 0
	call kfunc bpf_copy_from_user_str
	call kfunc bpf_preempt_enable
	r0 = 0
	exit

=== rcu-sleepable syscall EACCES kernel func bpf_copy_from_user_str is sleepable within rcu_read_lock region
	*(u64 *)(r10 - 8) = 0
	call kfunc bpf_rcu_read_lock
	r1 = r10
	r1 += -8
	r2 = 8
	r3 = 0
	r4 = 0
	call kfunc bpf_copy_from_user_str
	call kfunc bpf_rcu_read_unlock
	r0 = 0
	exit

=== sleepable syscall
	*(u64 *)(r10 - 8) = 0
	r1 = r10
	r1 += -8
	r2 = 8
	r3 = 0
	r4 = 0
	call kfunc bpf_copy_from_user_str
	r0 = 0
	exit

=== not-sleepable raw_tracepoint EACCES program must be sleepable to call sleepable kfunc bpf_copy_from_user_str
	*(u64 *)(r10 - 8) = 0
	r1 = r10
	r1 += -8
	r2 = 8
	r3 = 0
	r4 = 0
	call kfunc bpf_copy_from_user_str
	r0 = 0
	exit

=== irq xdp
	r1 = r10
	r1 += -8
	call kfunc bpf_local_irq_save
	r1 = r10
	r1 += -8
	call kfunc bpf_local_irq_restore
	r0 = 0
	exit

=== irq-left-off xdp EINVAL BPF_EXIT instruction in main prog cannot be used inside bpf_local_irq_save-ed region
	r1 = r10
	r1 += -8
	call kfunc bpf_local_irq_save
	r0 = 0
	exit

=== irq-not-saved xdp EINVAL expected an initialized irq flag as arg#0
	*(u64 *)(r10 - 8) = 0
	r1 = r10
	r1 += -8
	call kfunc bpf_local_irq_restore
	r0 = 0
	exit

=== irq-twice xdp EINVAL expected uninitialized irq flag as arg#0
	r1 = r10
	r1 += -8
	call kfunc bpf_local_irq_save
	r1 = r10
	r1 += -8
	call kfunc bpf_local_irq_save
	r0 = 0
	exit

=== irq-order xdp
	r1 = r10
	r1 += -8
	call kfunc bpf_local_irq_save
	r1 = r10
	r1 += -16
	call kfunc bpf_local_irq_save
	r1 = r10
	r1 += -16
	call kfunc bpf_local_irq_restore
	r1 = r10
	r1 += -8
	call kfunc bpf_local_irq_restore
	r0 = 0
	exit

=== irq-wrong-order xdp EACCES cannot restore irq state out of order, expected id=2 acquired at insn_idx=5
	r1 = r10
	r1 += -8
	call kfunc bpf_local_irq_save
	r1 = r10
	r1 += -16
	call kfunc bpf_local_irq_save
	r1 = r10
	r1 += -8
	call kfunc bpf_local_irq_restore
	r1 = r10
	r1 += -16
	call kfunc bpf_local_irq_restore
	r0 = 0
	exit

=== irq-sleepable syscall EACCES kernel func bpf_copy_from_user_str is sleepable within IRQ-disabled region
	*(u64 *)(r10 - 16) = 0
	r1 = r10
	r1 += -8
	call kfunc bpf_local_irq_save
	r1 = r10
	r1 += -16
	r2 = 8
	r3 = 0
	r4 = 0
	call kfunc bpf_copy_from_user_str
	r1 = r10
	r1 += -8
	call kfunc bpf_local_irq_restore
	r0 = 0
	exit

=== irq-not-stack xdp EINVAL arg#0 doesn't point to an irq flag on stack
	call kfunc bpf_local_irq_save
	r0 = 0
	exit

=== irq-misaligned xdp EINVAL cannot pass in irq_flag at an offset=-7
	r1 = r10
	r1 += -7
	call kfunc bpf_local_irq_save
	r0 = 0
	exit

=== irq-overwritten xdp EINVAL
	r1 = r10
	r1 += -8
	call kfunc bpf_local_irq_save
	*(u64 *)(r10 - 8) = 0
	r1 = r10
	r1 += -8
	call kfunc bpf_local_irq_restore
	r0 = 0
	exit

=== irq-read xdp EACCES
	r1 = r10
	r1 += -8
	call kfunc bpf_local_irq_save
	r6 = *(u64 *)(r10 - 8)
	r1 = r10
	r1 += -8
	call kfunc bpf_local_irq_restore
	r0 = 0
	exit

=== irq-wrong-pair xdp EINVAL arg#0 doesn't point to map value or allocated object
	r6 = r1
	r1 = r10
	r1 += -8
	call kfunc bpf_local_irq_save
	r1 = r6
	r2 = r10
	r2 += -8
	call kfunc bpf_res_spin_unlock_irqrestore
	r0 = 0
	exit

=== lock-never-set xdp EACCES
	r1 = r10
	r1 += -8
	call kfunc bpf_local_irq_save
	r2 = r10
	r2 += -8
	call kfunc bpf_res_spin_unlock_irqrestore
	r0 = 0
	exit
