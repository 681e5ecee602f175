# What must be released is not overwritten,
# type: sched_cls
# map: ring ringbuf 0 0 4096
# expect: EINVAL cannot overwrite referenced dynptr
	r1 = map[ring]
	r2 = 8
	r3 = 0
	r4 = r10
	r4 += -16
	call 198
	*(u64 *)(r10 -8) = 0
	r0 = 0
	exit
