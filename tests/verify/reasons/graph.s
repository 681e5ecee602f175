# SPDX-License-Identifier: BSD-2-Clause
# Lists and trees of the program's own objects: nodes are added and removed under the lock that
# lies beside the head, with the declared types.

=== reject sched_cls EINVAL bpf_spin_lock at off=0 must be held for bpf_list_head
# struct: item 40
# field: item 8 bpf_list_node
# map: box array 4 24 1
# field: box 0 bpf_spin_lock
# field: box 8 bpf_list_head item:f0
	r1 = map[box][0]+8
	call kfunc bpf_list_pop_front
	r0 = 0
	exit

=== accept sched_cls
# struct: item 40
# field: item 0 u64
# field: item 8 bpf_list_node
# map: box array 4 24 1
# field: box 0 bpf_spin_lock
# field: box 8 bpf_list_head item:f1
	r6 = map[box][0]
	r1 = r6
	call bpf_spin_lock
	r1 = r6
	r1 += 8
	call kfunc bpf_list_pop_front
	r7 = r0
	r1 = r6
	call bpf_spin_unlock
	if r7 == 0 goto out
	*(u64 *)(r7 - 8) = 5
	r1 = r7
	r1 += -8
	r2 = 0
	call kfunc bpf_obj_drop_impl
out:
	r0 = 0
	exit
