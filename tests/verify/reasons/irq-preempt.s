# SPDX-License-Identifier: BSD-2-Clause
# Preemption and interrupts that the program disables, it enables again on every path, and in
# reverse order.

=== reject sched_cls EINVAL BPF_EXIT instruction in main prog cannot be used inside bpf_preempt_disable-ed region
	call kfunc bpf_preempt_disable
	r0 = 0
	exit

=== accept sched_cls
	call kfunc bpf_preempt_disable
	call kfunc bpf_preempt_enable
	r0 = 0
	exit
