# These types tell of none.
# type: sched_cls
# map: vals array 4 32 1
# field: vals 8 bpf_timer
# expect: EINVAL map 'vals' has no valid bpf_spin_lock
	r1 = map[vals][0] +8
	call 93
	r0 = 0
	exit
