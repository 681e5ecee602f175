# A dynptr with a record is released.
# type: sched_cls
# map: ring ringbuf 0 0 4096
# expect: EINVAL would lead to reference leak
	r1 = map[ring]
	r2 = 8
	r3 = 0
	r4 = r10
	r4 += -16
	call 198
	r0 = 0
	exit
