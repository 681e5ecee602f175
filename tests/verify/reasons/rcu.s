# SPDX-License-Identifier: BSD-2-Clause
# bpf_rcu_read_lock() and bpf_rcu_read_unlock() come in pairs on every path.

=== reject sched_cls EINVAL BPF_EXIT instruction in main prog cannot be used inside bpf_rcu_read_lock-ed region
	call kfunc bpf_rcu_read_lock
	r0 = 0
	exit

=== accept sched_cls
	call kfunc bpf_rcu_read_lock
	call kfunc bpf_rcu_read_unlock
	r0 = 0
	exit
