# What is not held cannot be released.
# type: sched_cls
# map: vals array 4 16 1
# field: vals 8 bpf_spin_lock
# expect: EINVAL bpf_spin_unlock without taking a lock
	r1 = map[vals][0] +8
	call 94
	r0 = 0
	exit
