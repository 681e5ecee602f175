# Two conversions, one number.
# type: sched_cls
# map: fmt array 4 16 1
# text: fmt %d %d
# expect: EINVAL Invalid format string
	r1 = r10
	r1 += -32
	r2 = 32
	r3 = map[fmt][0] +0
	r4 = r10
	r4 += -8
	*(u64 *)(r10 -8) = 7
	r5 = 8
	call 165
	r0 = 0
	exit
