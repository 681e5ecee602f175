# Anyone may change this text.
# type: sched_cls
# map: vals array 4 16 1
# expect: EACCES R3 does not point to a readonly map'
	r1 = r10
	r1 += -32
	r2 = 32
	r3 = map[vals][0] +0
	r4 = r10
	r4 += -8
	*(u64 *)(r10 -8) = 7
	r5 = 8
	call 165
	r0 = 0
	exit
