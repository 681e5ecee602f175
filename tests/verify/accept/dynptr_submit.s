# Reserved and submitted.
# map: ring ringbuf 0 0 4096
# type: sched_cls
	r1 = map[ring]
	r2 = 8
	r3 = 0
	r4 = r10
	r4 += -16
	call 198
	r1 = r10
	r1 += -16
	r2 = 0
	call 199
	r0 = 0
	exit
