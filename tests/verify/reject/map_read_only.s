# Programs may not change this map.
# type: sched_cls
# map: vals array 4 16 4 0x80
# expect: EACCES write into map forbidden
	r2 = r10
	r2 += -16
	*(u64 *)(r10 -16) = 0
	*(u64 *)(r10 -8) = 0
	r1 = map[vals]
	r3 = r2
	r4 = 0
	call 2
	r0 = 0
	exit
