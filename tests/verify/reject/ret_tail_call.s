# Its result then is anything.
# type: sched_cls
# log: what is touched by the return of a tail call
# map: progs prog_array 4 4 4
# map: vals array 4 16 1
# types
# expect: EINVAL math between map_value pointer and register with unbounded min value is not allowed
	call tail
	r1 = map[vals][0] +0
	r1 += r0
	r0 = 0
	exit
tail:
	r2 = map[progs]
	r3 = 0
	call 12
	r0 = 0
	exit
