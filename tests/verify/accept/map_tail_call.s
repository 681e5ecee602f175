# A tail call.
# map: progs prog_array 4 4 4
# type: sched_cls
	r2 = map[progs]
	r3 = 0
	call 12
	r0 = 0
	exit
