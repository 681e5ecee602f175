# No exchange under a lock.
# type: sched_cls
# map: vals array 4 32 1
# field: vals 8 bpf_spin_lock
# field: vals 16 kptr task_struct
# expect: EINVAL function calls are not allowed while holding a lock
	r6 = map[vals][0] +8
	r1 = r6
	call 93
	r1 = r6
	r1 += 8
	r2 = 0
	call 194
	r0 = 0
	exit
