# SPDX-License-Identifier: BSD-2-Clause
# Locks that may fail, work queues, task work, arenas, constant text.

=== res-lock sched_cls
# map: box array 4 16 1
# field: box 0 bpf_res_spin_lock
	r6 = map[box][0]
	r1 = r6
	call kfunc bpf_res_spin_lock
	if r0 != 0 goto out
	r1 = r6
	call kfunc bpf_res_spin_unlock
out:
	r0 = 0
	exit

=== res-lock-untested sched_cls EINVAL bpf_res_spin_unlock without taking a lock
# map: box array 4 16 1
# field: box 0 bpf_res_spin_lock
	r6 = map[box][0]
	r1 = r6
	call kfunc bpf_res_spin_lock
	r1 = r6
	call kfunc bpf_res_spin_unlock
	r0 = 0
	exit

=== res-lock-leak sched_cls EINVAL
# map: box array 4 16 1
# field: box 0 bpf_res_spin_lock
	r1 = map[box][0]
	call kfunc bpf_res_spin_lock
	r0 = 0
	exit

=== res-lock-twice sched_cls EINVAL Acquiring the same lock again, AA deadlock detected
# map: box array 4 16 1
# field: box 0 bpf_res_spin_lock
	r6 = map[box][0]
	r1 = r6
	call kfunc bpf_res_spin_lock
	if r0 != 0 goto out
	r1 = r6
	call kfunc bpf_res_spin_lock
	if r0 != 0 goto out
	r1 = r6
	call kfunc bpf_res_spin_unlock
out:
	r0 = 0
	exit

=== res-lock-two sched_cls
# map: box array 4 16 1
# field: box 0 bpf_res_spin_lock
# map: other array 4 16 1
# field: other 0 bpf_res_spin_lock
	r6 = map[box][0]
	r7 = map[other][0]
	r1 = r6
	call kfunc bpf_res_spin_lock
	if r0 != 0 goto out
	r1 = r7
	call kfunc bpf_res_spin_lock
	if r0 != 0 goto one
	r1 = r7
	call kfunc bpf_res_spin_unlock
one:
	r1 = r6
	call kfunc bpf_res_spin_unlock
out:
	r0 = 0
	exit

=== res-lock-wrong-order sched_cls EINVAL bpf_res_spin_unlock cannot be out of order
# map: box array 4 16 1
# field: box 0 bpf_res_spin_lock
# map: other array 4 16 1
# field: other 0 bpf_res_spin_lock
	r6 = map[box][0]
	r7 = map[other][0]
	r1 = r6
	call kfunc bpf_res_spin_lock
	if r0 != 0 goto out
	r1 = r7
	call kfunc bpf_res_spin_lock
	if r0 != 0 goto one
	r1 = r6
	call kfunc bpf_res_spin_unlock
one:
	r1 = r6
	call kfunc bpf_res_spin_unlock
out:
	r0 = 0
	exit

=== res-lock-irq sched_cls
# map: box array 4 16 1
# field: box 0 bpf_res_spin_lock
	r6 = map[box][0]
	r1 = r6
	r2 = r10
	r2 += -8
	call kfunc bpf_res_spin_lock_irqsave
	if r0 != 0 goto out
	r1 = r6
	r2 = r10
	r2 += -8
	call kfunc bpf_res_spin_unlock_irqrestore
out:
	r0 = 0
	exit

=== res-lock-irq-plain-unlock sched_cls EINVAL bpf_res_spin_unlock of different lock
# map: box array 4 16 1
# field: box 0 bpf_res_spin_lock
	r6 = map[box][0]
	r1 = r6
	r2 = r10
	r2 += -8
	call kfunc bpf_res_spin_lock_irqsave
	if r0 != 0 goto out
	r1 = r6
	call kfunc bpf_res_spin_unlock
out:
	r0 = 0
	exit

=== res-lock-irq-native-restore sched_cls EINVAL function calls are not allowed while holding a lock
# map: box array 4 16 1
# field: box 0 bpf_res_spin_lock
	r6 = map[box][0]
	r1 = r6
	r2 = r10
	r2 += -8
	call kfunc bpf_res_spin_lock_irqsave
	if r0 != 0 goto out
	r1 = r10
	r1 += -8
	call kfunc bpf_local_irq_restore
out:
	r0 = 0
	exit

=== res-lock-offset sched_cls EINVAL off 8 doesn't point to 'struct bpf_res_spin_lock' that is at 0
# map: box array 4 16 1
# field: box 0 bpf_res_spin_lock
	r1 = map[box][0]+8
	call kfunc bpf_res_spin_lock
	r0 = 0
	exit

=== res-lock-none sched_cls EINVAL map 'box' has no valid bpf_res_spin_lock
# map: box array 4 16 1
# field: box 0 bpf_spin_lock
	r1 = map[box][0]
	call kfunc bpf_res_spin_lock
	r0 = 0
	exit

=== res-lock-return sched_cls
# map: box array 4 16 1
# field: box 0 bpf_res_spin_lock
	r6 = map[box][0]
	r1 = r6
	call kfunc bpf_res_spin_lock
	if r0 == 0 goto locked
	if r0 s< 0 goto out
	r0 = *(u64 *)(r10 - 8)
	exit
locked:
	r1 = r6
	call kfunc bpf_res_spin_unlock
out:
	r0 = 0
	exit

=== wq syscall
# map: box array 4 16 1
# field: box 0 bpf_wq
	r6 = map[box][0]
	r1 = r6
	r2 = map[box]
	r3 = 0
	call kfunc bpf_wq_init
	r1 = r6
	r2 = subprog[work]
	r3 = 0
	r4 = 0
	call kfunc bpf_wq_set_callback_impl
	r1 = r6
	r2 = 0
	call kfunc bpf_wq_start
	r0 = 0
	exit
work:
	r0 = *(u32 *)(r2 + 0)
	r0 = 0
	exit

=== wq-other-map syscall EINVAL workqueue pointer in R1 map_uid=0 doesn't match map pointer in R2 map_uid=0
# map: box array 4 16 1
# field: box 0 bpf_wq
# map: other array 4 16 1
# field: other 0 bpf_wq
	r1 = map[box][0]
	r2 = map[other]
	r3 = 0
	call kfunc bpf_wq_init
	r0 = 0
	exit

=== wq-not-map-value syscall EINVAL arg#0 doesn't point to a map value
# map: box array 4 16 1
# field: box 0 bpf_wq
	r1 = r10
	r1 += -16
	r2 = map[box]
	r3 = 0
	call kfunc bpf_wq_init
	r0 = 0
	exit

=== wq-not-map syscall EINVAL pointer in R2 isn't map pointer
# map: box array 4 16 1
# field: box 0 bpf_wq
	r1 = map[box][0]
	r2 = 5
	r3 = 0
	call kfunc bpf_wq_init
	r0 = 0
	exit

=== wq-offset syscall EINVAL off 8 doesn't point to 'struct bpf_wq' that is at 0
# map: box array 4 16 1
# field: box 0 bpf_wq
	r1 = map[box][0]+8
	r2 = map[box]
	r3 = 0
	call kfunc bpf_wq_init
	r0 = 0
	exit

=== wq-callback-null syscall EACCES Possibly NULL pointer passed to trusted arg1
# map: box array 4 16 1
# field: box 0 bpf_wq
	r1 = map[box][0]
	r2 = 0
	r3 = 0
	r4 = 0
	call kfunc bpf_wq_set_callback_impl
	r0 = 0
	exit

=== wq-callback-sleeps syscall
# map: box array 4 16 1
# field: box 0 bpf_wq
	r1 = map[box][0]
	r2 = subprog[work]
	r3 = 0
	r4 = 0
	call kfunc bpf_wq_set_callback_impl
	r0 = 0
	exit
work:
	r1 = r10
	r1 += -8
	r2 = 8
	r3 = 0
	r4 = 0
	call kfunc bpf_copy_from_user_str
	r0 = 0
	exit

=== sum-elements syscall
# map: counts hash 4 8 10
	r1 = map[counts]
	call kfunc bpf_map_sum_elem_count
	r0 = 0
	exit

=== sum-elements-of-number syscall EINVAL
# map: counts hash 4 8 10
	r1 = 5
	call kfunc bpf_map_sum_elem_count
	r0 = 0
	exit

=== sum-elements-of-value syscall EINVAL
# map: counts array 4 8 1
	r1 = map[counts][0]
	call kfunc bpf_map_sum_elem_count
	r0 = 0
	exit

=== print syscall
# map: format array 4 32 1
# text: format hello %d
	*(u64 *)(r10 - 8) = 1
	r1 = 1
	r2 = map[format][0]
	r3 = r10
	r3 += -8
	r4 = 8
	r5 = 0
	call kfunc bpf_stream_vprintk_impl
	r0 = 0
	exit

=== print-not-frozen syscall EACCES
# map: format array 4 32 1
	*(u64 *)(r10 - 8) = 1
	r1 = 1
	r2 = map[format][0]
	r3 = r10
	r3 += -8
	r4 = 8
	r5 = 0
	call kfunc bpf_stream_vprintk_impl
	r0 = 0
	exit

=== slice-of-local sched_cls
# map: box array 4 64 1
	r1 = map[box][0]
	r2 = 64
	r3 = 0
	r4 = r10
	r4 += -16
	call bpf_dynptr_from_mem
	r1 = r10
	r1 += -16
	r2 = 0
	r3 = 0
	r4 = 8
	call kfunc bpf_dynptr_slice_rdwr
	if r0 == 0 goto out
	*(u64 *)(r0 + 0) = 1
	*(u64 *)(r10 - 16) = 0
	*(u64 *)(r0 + 0) = 1
out:
	r0 = 0
	exit

=== data-of-local-after-overwrite sched_cls EACCES
# map: box array 4 64 1
	r1 = map[box][0]
	r2 = 64
	r3 = 0
	r4 = r10
	r4 += -16
	call bpf_dynptr_from_mem
	r1 = r10
	r1 += -16
	r2 = 0
	r3 = 8
	call bpf_dynptr_data
	if r0 == 0 goto out
	*(u64 *)(r10 - 16) = 0
	*(u64 *)(r0 + 0) = 1
out:
	r0 = 0
	exit

=== clone-of-record sched_cls EINVAL
# map: ring ringbuf 0 0 4096
	r1 = map[ring]
	r2 = 8
	r3 = 0
	r4 = r10
	r4 += -16
	call bpf_ringbuf_reserve_dynptr
	r1 = r10
	r1 += -16
	r2 = r10
	r2 += -32
	call kfunc bpf_dynptr_clone
	r1 = r10
	r1 += -16
	r2 = 0
	call bpf_ringbuf_submit_dynptr
	r1 = r10
	r1 += -32
	r2 = 0
	call bpf_ringbuf_submit_dynptr
	r0 = 0
	exit

=== clone-of-record-overwritten sched_cls EINVAL cannot overwrite referenced dynptr
# map: ring ringbuf 0 0 4096
	r1 = map[ring]
	r2 = 8
	r3 = 0
	r4 = r10
	r4 += -16
	call bpf_ringbuf_reserve_dynptr
	r1 = r10
	r1 += -16
	r2 = r10
	r2 += -32
	call kfunc bpf_dynptr_clone
	*(u64 *)(r10 - 32) = 0
	r1 = r10
	r1 += -16
	r2 = 0
	call bpf_ringbuf_submit_dynptr
	r0 = 0
	exit

=== wq-callback-number syscall EINVAL arg1 expected pointer to func
# map: box array 4 16 1
# field: box 0 bpf_wq
	r1 = map[box][0]
	r2 = 5
	r3 = 0
	r4 = 0
	call kfunc bpf_wq_set_callback_impl
	r0 = 0
	exit
