# SPDX-License-Identifier: BSD-2-Clause
# Objects of the program's own, lists and trees of them.

=== new-drop sched_cls
# struct: item 24
	r1 = 4
	r2 = 0
	call kfunc bpf_obj_new_impl
	if r0 == 0 goto out
	*(u64 *)(r0 + 8) = 1
	r1 = r0
	r2 = 0
	call kfunc bpf_obj_drop_impl
out:
	r0 = 0
	exit

=== new-leak sched_cls EINVAL BPF_EXIT instruction in main prog would lead to reference leak
# struct: item 24
	r1 = 4
	r2 = 0
	call kfunc bpf_obj_new_impl
	r0 = 0
	exit

=== new-beyond sched_cls EACCES
# struct: item 24
	r1 = 4
	r2 = 0
	call kfunc bpf_obj_new_impl
	if r0 == 0 goto out
	*(u64 *)(r0 + 24) = 1
	r1 = r0
	r2 = 0
	call kfunc bpf_obj_drop_impl
out:
	r0 = 0
	exit

=== new-not-struct sched_cls EINVAL bpf_obj_new/bpf_percpu_obj_new type ID argument must be of a struct
# struct: item 24
	r1 = 1
	r2 = 0
	call kfunc bpf_obj_new_impl
	r0 = 0
	exit

=== new-unknown-type sched_cls EINVAL R1 must be a known constant
# struct: item 24
	r1 = *(u32 *)(r1 + 0)
	r2 = 0
	call kfunc bpf_obj_new_impl
	r0 = 0
	exit

=== drop-after-drop sched_cls EINVAL
# struct: item 24
	r1 = 4
	r2 = 0
	call kfunc bpf_obj_new_impl
	if r0 == 0 goto out
	r6 = r0
	r1 = r0
	r2 = 0
	call kfunc bpf_obj_drop_impl
	r1 = r6
	r2 = 0
	call kfunc bpf_obj_drop_impl
out:
	r0 = 0
	exit

=== drop-may-be-null sched_cls EACCES Possibly NULL pointer passed to trusted arg0
# struct: item 24
	r1 = 4
	r2 = 0
	call kfunc bpf_obj_new_impl
	r1 = r0
	r2 = 0
	call kfunc bpf_obj_drop_impl
	r0 = 0
	exit

=== percpu sched_cls
# struct: item 24
	r1 = 4
	r2 = 0
	call kfunc bpf_percpu_obj_new_impl
	if r0 == 0 goto out
	r1 = r0
	r2 = 0
	call kfunc bpf_percpu_obj_drop_impl
out:
	r0 = 0
	exit

=== percpu-wrong-drop sched_cls EINVAL arg#0 expected for bpf_percpu_obj_drop_impl()
# struct: item 24
	r1 = 4
	r2 = 0
	call kfunc bpf_percpu_obj_new_impl
	if r0 == 0 goto out
	r1 = r0
	r2 = 0
	call kfunc bpf_obj_drop_impl
out:
	r0 = 0
	exit

=== percpu-large sched_cls EINVAL bpf_percpu_obj_new type size (520) is greater than 512
# struct: item 520
# field: item 512 u64
	r1 = 4
	r2 = 0
	call kfunc bpf_percpu_obj_new_impl
	r0 = 0
	exit

=== percpu-special sched_cls EINVAL bpf_percpu_obj_new type ID argument must
# struct: item 32
# field: item 0 bpf_spin_lock
# field: item 8 bpf_refcount
	r1 = 7
	r2 = 0
	call kfunc bpf_percpu_obj_new_impl
	r0 = 0
	exit

=== list sched_cls
# struct: item 40
# field: item 0 u64
# field: item 8 bpf_list_node
# map: box array 4 24 1
# field: box 0 bpf_spin_lock
# field: box 8 bpf_list_head item:f1
	r6 = map[box][0]
	r1 = 5
	r2 = 0
	call kfunc bpf_obj_new_impl
	if r0 == 0 goto out
	r7 = r0
	r1 = r6
	call bpf_spin_lock
	r1 = r6
	r1 += 8
	r2 = r7
	r2 += 8
	r3 = 0
	r4 = 0
	call kfunc bpf_list_push_front_impl
	r1 = r6
	call bpf_spin_unlock
out:
	r0 = 0
	exit

=== list-pop sched_cls
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

=== list-pop-no-lock sched_cls EINVAL bpf_spin_lock at off=0 must be held for bpf_list_head
# struct: item 40
# field: item 8 bpf_list_node
# map: box array 4 24 1
# field: box 0 bpf_spin_lock
# field: box 8 bpf_list_head item:f0
	r1 = map[box][0]+8
	call kfunc bpf_list_pop_front
	r0 = 0
	exit

=== list-wrong-lock sched_cls EINVAL held lock and object are not in the same allocation
# struct: item 40
# field: item 8 bpf_list_node
# map: box array 4 24 1
# field: box 0 bpf_spin_lock
# field: box 8 bpf_list_head item:f0
# map: other array 4 24 1
# field: other 0 bpf_spin_lock
# field: other 8 bpf_list_head item:f0
	r6 = map[other][0]
	r1 = r6
	call bpf_spin_lock
	r1 = map[box][0]+8
	call kfunc bpf_list_pop_front
	r1 = r6
	call bpf_spin_unlock
	r0 = 0
	exit

=== list-head-offset sched_cls EINVAL bpf_list_head not found at offset=0
# struct: item 40
# field: item 8 bpf_list_node
# map: box array 4 24 1
# field: box 0 bpf_spin_lock
# field: box 8 bpf_list_head item:f0
	r6 = map[box][0]
	r1 = r6
	call bpf_spin_lock
	r1 = r6
	call kfunc bpf_list_pop_front
	r0 = 0
	exit

=== list-node-offset sched_cls EINVAL bpf_list_node not found at offset=0
# struct: item 40
# field: item 8 bpf_list_node
# map: box array 4 24 1
# field: box 0 bpf_spin_lock
# field: box 8 bpf_list_head item:f0
	r6 = map[box][0]
	r1 = 5
	r2 = 0
	call kfunc bpf_obj_new_impl
	if r0 == 0 goto out
	r7 = r0
	r1 = r6
	call bpf_spin_lock
	r1 = r6
	r1 += 8
	r2 = r7
	r3 = 0
	r4 = 0
	call kfunc bpf_list_push_front_impl
	r1 = r6
	call bpf_spin_unlock
out:
	r0 = 0
	exit

=== list-push-twice sched_cls EINVAL arg#1 expected pointer to allocated object
# struct: item 40
# field: item 8 bpf_list_node
# map: box array 4 24 1
# field: box 0 bpf_spin_lock
# field: box 8 bpf_list_head item:f0
	r6 = map[box][0]
	r1 = 5
	r2 = 0
	call kfunc bpf_obj_new_impl
	if r0 == 0 goto out
	r7 = r0
	r1 = r6
	call bpf_spin_lock
	r1 = r6
	r1 += 8
	r2 = r7
	r2 += 8
	r3 = 0
	r4 = 0
	call kfunc bpf_list_push_front_impl
	r1 = r6
	r1 += 8
	r2 = r7
	r2 += 8
	r3 = 0
	r4 = 0
	call kfunc bpf_list_push_front_impl
	r1 = r6
	call bpf_spin_unlock
out:
	r0 = 0
	exit

=== list-other-type sched_cls EINVAL operation on bpf_list_head expects arg#1 bpf_list_node at offset=8 in struct item, but arg is at offset=8 in struct thing
# struct: item 40
# field: item 8 bpf_list_node
# struct: thing 48
# field: thing 0 u64
# field: thing 8 bpf_list_node
# map: box array 4 24 1
# field: box 0 bpf_spin_lock
# field: box 8 bpf_list_head item:f0
	r6 = map[box][0]
	r1 = 6
	r2 = 0
	call kfunc bpf_obj_new_impl
	if r0 == 0 goto out
	r7 = r0
	r1 = r6
	call bpf_spin_lock
	r1 = r6
	r1 += 8
	r2 = r7
	r2 += 8
	r3 = 0
	r4 = 0
	call kfunc bpf_list_push_front_impl
	r1 = r6
	call bpf_spin_unlock
out:
	r0 = 0
	exit

=== list-use-after-unlock sched_cls EACCES R7 invalid mem access 'scalar'
# struct: item 40
# field: item 0 u64
# field: item 8 bpf_list_node
# map: box array 4 24 1
# field: box 0 bpf_spin_lock
# field: box 8 bpf_list_head item:f1
	r6 = map[box][0]
	r1 = 5
	r2 = 0
	call kfunc bpf_obj_new_impl
	if r0 == 0 goto out
	r7 = r0
	r1 = r6
	call bpf_spin_lock
	r1 = r6
	r1 += 8
	r2 = r7
	r2 += 8
	r3 = 0
	r4 = 0
	call kfunc bpf_list_push_front_impl
	r0 = *(u64 *)(r7 + 0)
	r1 = r6
	call bpf_spin_unlock
	r0 = *(u64 *)(r7 + 0)
out:
	r0 = 0
	exit

=== list-peek sched_cls
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
	call kfunc bpf_list_front
	if r0 == 0 goto unlock
	r0 = *(u64 *)(r0 - 8)
unlock:
	r1 = r6
	call bpf_spin_unlock
	r0 = 0
	exit

=== other-call-under-lock sched_cls EINVAL function calls are not allowed while holding a lock
# struct: item 40
# field: item 8 bpf_list_node
# map: box array 4 24 1
# field: box 0 bpf_spin_lock
# field: box 8 bpf_list_head item:f0
	r6 = map[box][0]
	r1 = r6
	call bpf_spin_lock
	call kfunc bpf_rcu_read_lock
	r1 = r6
	call bpf_spin_unlock
	r0 = 0
	exit

=== iterator-under-lock sched_cls
# map: box array 4 8 1
# field: box 0 bpf_spin_lock
	r6 = map[box][0]
	r1 = r6
	call bpf_spin_lock
	r1 = r10
	r1 += -8
	r2 = 0
	r3 = 3
	call kfunc bpf_iter_num_new
next:
	r1 = r10
	r1 += -8
	call kfunc bpf_iter_num_next
	if r0 != 0 goto next
	r1 = r10
	r1 += -8
	call kfunc bpf_iter_num_destroy
	r1 = r6
	call bpf_spin_unlock
	r0 = 0
	exit

=== tree sched_cls
# struct: item 40
# field: item 0 u64
# field: item 8 bpf_rb_node
# map: box array 4 24 1
# field: box 0 bpf_spin_lock
# field: box 8 bpf_rb_root item:f1
	r6 = map[box][0]
	r1 = 5
	r2 = 0
	call kfunc bpf_obj_new_impl
	if r0 == 0 goto out
	r7 = r0
	r1 = r6
	call bpf_spin_lock
	r1 = r6
	r1 += 8
	r2 = r7
	r2 += 8
	r3 = subprog[less]
	r4 = 0
	r5 = 0
	call kfunc bpf_rbtree_add_impl
	r1 = r6
	r1 += 8
	call kfunc bpf_rbtree_first
	if r0 == 0 goto unlock
	r1 = r6
	r1 += 8
	r2 = r0
	call kfunc bpf_rbtree_remove
	r7 = r0
	r1 = r6
	call bpf_spin_unlock
	if r7 == 0 goto out
	r1 = r7
	r1 += -8
	r2 = 0
	call kfunc bpf_obj_drop_impl
	goto out
unlock:
	r1 = r6
	call bpf_spin_unlock
out:
	r0 = 0
	exit
less:
	r1 = *(u64 *)(r1 - 8)
	r2 = *(u64 *)(r2 - 8)
	r0 = 0
	if r1 > r2 goto end
	r0 = 1
end:
	exit

=== tree-callback-value sched_cls EINVAL
# struct: item 40
# field: item 0 u64
# field: item 8 bpf_rb_node
# map: box array 4 24 1
# field: box 0 bpf_spin_lock
# field: box 8 bpf_rb_root item:f1
	r6 = map[box][0]
	r1 = 5
	r2 = 0
	call kfunc bpf_obj_new_impl
	if r0 == 0 goto out
	r7 = r0
	r1 = r6
	call bpf_spin_lock
	r1 = r6
	r1 += 8
	r2 = r7
	r2 += 8
	r3 = subprog[less]
	r4 = 0
	r5 = 0
	call kfunc bpf_rbtree_add_impl
	r1 = r6
	call bpf_spin_unlock
out:
	r0 = 0
	exit
less:
	r0 = 2
	exit

=== tree-callback-is-number sched_cls EACCES Possibly NULL pointer passed to trusted arg2
# struct: item 40
# field: item 0 u64
# field: item 8 bpf_rb_node
# map: box array 4 24 1
# field: box 0 bpf_spin_lock
# field: box 8 bpf_rb_root item:f1
	r6 = map[box][0]
	r1 = 5
	r2 = 0
	call kfunc bpf_obj_new_impl
	if r0 == 0 goto out
	r7 = r0
	r1 = r6
	call bpf_spin_lock
	r1 = r6
	r1 += 8
	r2 = r7
	r2 += 8
	r3 = 0
	r4 = 0
	r5 = 0
	call kfunc bpf_rbtree_add_impl
	r1 = r6
	call bpf_spin_unlock
out:
	r0 = 0
	exit

=== tree-remove-from-callback sched_cls EINVAL bpf_rbtree_remove not allowed in rbtree cb
# struct: item 40
# field: item 0 u64
# field: item 8 bpf_rb_node
# map: box array 4 24 1
# field: box 0 bpf_spin_lock
# field: box 8 bpf_rb_root item:f1
	r6 = map[box][0]
	r1 = 5
	r2 = 0
	call kfunc bpf_obj_new_impl
	if r0 == 0 goto out
	r7 = r0
	r1 = r6
	call bpf_spin_lock
	r1 = r6
	r1 += 8
	r2 = r7
	r2 += 8
	r3 = subprog[less]
	r4 = 0
	r5 = 0
	call kfunc bpf_rbtree_add_impl
	r1 = r6
	call bpf_spin_unlock
out:
	r0 = 0
	exit
less:
	r2 = r1
	r1 = map[box][0]+8
	call kfunc bpf_rbtree_remove
	r0 = 0
	exit

=== refcount sched_cls
# struct: item 48
# field: item 0 u64
# field: item 8 bpf_list_node
# field: item 32 bpf_refcount
# map: box array 4 24 1
# field: box 0 bpf_spin_lock
# field: box 8 bpf_list_head item:f1
	r6 = map[box][0]
	r1 = 6
	r2 = 0
	call kfunc bpf_obj_new_impl
	if r0 == 0 goto out
	r7 = r0
	r1 = r0
	r2 = 0
	call kfunc bpf_refcount_acquire_impl
	r8 = r0
	r1 = r6
	call bpf_spin_lock
	r1 = r6
	r1 += 8
	r2 = r7
	r2 += 8
	r3 = 0
	r4 = 0
	call kfunc bpf_list_push_back_impl
	r1 = r6
	call bpf_spin_unlock
	if r8 == 0 goto out
	r1 = r8
	r2 = 0
	call kfunc bpf_obj_drop_impl
out:
	r0 = 0
	exit

=== refcount-none sched_cls EINVAL arg#0 doesn't point to a type with bpf_refcount field
# struct: item 40
# field: item 0 u64
# field: item 8 bpf_list_node
	r1 = 5
	r2 = 0
	call kfunc bpf_obj_new_impl
	if r0 == 0 goto out
	r7 = r0
	r1 = r0
	r2 = 0
	call kfunc bpf_refcount_acquire_impl
out:
	r0 = 0
	exit

=== refcount-number sched_cls EINVAL
	r1 = 5
	r2 = 0
	call kfunc bpf_refcount_acquire_impl
	r0 = 0
	exit
