# The lock is elsewhere.
# type: sched_cls
# map: vals array 4 16 1
# field: vals 8 bpf_spin_lock
# expect: EINVAL off 0 doesn't point to 'struct bpf_spin_lock' that is at 8
	r1 = map[vals][0] +0
	call 93
	r0 = 0
	exit
