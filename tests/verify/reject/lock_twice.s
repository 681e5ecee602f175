# Nor of the lock itself.
# type: sched_cls
# map: vals array 4 16 1
# field: vals 8 bpf_spin_lock
# expect: EINVAL function calls are not allowed while holding a lock
	r6 = map[vals][0] +8
	r1 = r6
	call 93
	r1 = r6
	call 93
	r0 = 0
	exit
