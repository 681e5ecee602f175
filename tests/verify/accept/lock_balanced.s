# Taken and released.
# map: vals array 4 16 1
# field: vals 8 bpf_spin_lock
# type: sched_cls
	r6 = map[vals][0] +8
	r1 = r6
	call 93
	r1 = r6
	call 94
	r0 = 0
	exit
