# A lock must be at a known place.
# type: sched_cls
# map: vals array 4 32 1
# field: vals 8 bpf_spin_lock
# expect: EINVAL R1 doesn't have constant offset. bpf_spin_lock has to be at the constant offset
	call 7
	r0 &= 8
	r1 = map[vals][0] +0
	r1 += r0
	call 93
	r0 = 0
	exit
