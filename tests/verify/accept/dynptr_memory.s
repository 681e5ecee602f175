# A dynptr of a map value need not be released.
# map: vals array 4 16 1
# type: sched_cls
	r1 = map[vals][0] +0
	r2 = 8
	r3 = 0
	r4 = r10
	r4 += -16
	call 197
	r1 = r10
	r1 += -16
	r2 = 0
	r3 = 8
	call 203
	if r0 == 0 goto +1
	r1 = *(u64 *)(r0 +0)
	r0 = 0
	exit
