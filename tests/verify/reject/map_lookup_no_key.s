# A ring buffer has no keys.
# type: sched_cls
# map: ring ringbuf 0 0 4096
# expect: EACCES invalid zero-sized read
	*(u64 *)(r10 -8) = 0
	r2 = r10
	r2 += -8
	r1 = map[ring]
	call 1
	r0 = 0
	exit
