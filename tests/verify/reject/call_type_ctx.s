# A map where the context belongs.
# type: sched_cls
# map: vals array 4 16 4
# expect: EACCES R1 type=map_ptr expected=ctx
	r1 = map[vals]
	r2 = 0
	r3 = 0
	call 9
	r0 = 0
	exit
