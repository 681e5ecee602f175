# An array has all of its entries: a constant key within it is found.
# map: vals array 4 16 4
# type: sched_cls
	*(u64 *)(r10 -8) = 0
	r2 = r10
	r2 += -4
	r1 = map[vals]
	call 1
	r0 = *(u64 *)(r0 +0)
	r0 = 0
	exit
