# There may be no slice.
# type: sched_cls
# map: ring ringbuf 0 0 4096
# expect: EACCES R0 invalid mem access 'mem_or_null'
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
	r0 = *(u64 *)(r0 +0)
	exit
