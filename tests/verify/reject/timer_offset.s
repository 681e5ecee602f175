# It is elsewhere.
# type: sched_cls
# map: vals array 4 32 1
# field: vals 8 bpf_timer
# expect: EINVAL off 0 doesn't point to 'struct bpf_timer' that is at 8
	r1 = map[vals][0] +0
	r2 = map[vals]
	r3 = 0
	call 169
	r0 = 0
	exit
