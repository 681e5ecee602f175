# A slice ends with its dynptr.
# type: sched_cls
# map: ring ringbuf 0 0 4096
# expect: EACCES R6 invalid mem access 'scalar'
	r1 = map[ring]
	r2 = 8
	r3 = 0
	r4 = r10
	r4 += -16
	call 198
	r1 = r10
	r1 += -16
	r2 = 0
	r3 = 8
	call 203
	r6 = r0
	r1 = r10
	r1 += -16
	r2 = 0
	call 199
	r0 = *(u64 *)(r6 +0)
	exit
