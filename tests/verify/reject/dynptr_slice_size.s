# A slice has a constant size.
# type: sched_cls
# map: ring ringbuf 0 0 4096
# expect: EACCES R3 is not a known constant'
	r1 = map[ring]
	r2 = 8
	r3 = 0
	r4 = r10
	r4 += -16
	call 198
	r1 = r10
	r1 += -16
	r2 = 0
	r3 = r0
	call 203
	r0 = 0
	exit
