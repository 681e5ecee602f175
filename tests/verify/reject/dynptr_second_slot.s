# It is named by its beginning.
# type: sched_cls
# map: ring ringbuf 0 0 4096
# kernel-text: arg 1 is an unacquired reference
# expect: EINVAL cannot pass in dynptr at an offset=-8
	r1 = map[ring]
	r2 = 8
	r3 = 0
	r4 = r10
	r4 += -16
	call 198
	r1 = r10
	r1 += -8
	r2 = 0
	call 199
	r0 = 0
	exit
