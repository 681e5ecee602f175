# A timer of its map.
# map: vals array 4 32 1
# field: vals 8 bpf_timer
# type: sched_cls
	r1 = map[vals][0] +8
	r2 = map[vals]
	r3 = 0
	call 169
	r0 = 0
	exit
