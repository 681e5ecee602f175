# It cannot be submitted.
# type: sched_cls
# map: vals array 4 16 1
# expect: EINVAL arg 1 is an unacquired reference
	r1 = map[vals][0] +0
	r2 = 8
	r3 = 0
	r4 = r10
	r4 += -16
	call 197
	r1 = r10
	r1 += -16
	r2 = 0
	call 199
	r0 = 0
	exit
