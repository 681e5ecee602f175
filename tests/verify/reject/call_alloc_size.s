# How much is reserved must be known.
# type: sched_cls
# map: ring ringbuf 0 0 4096
# expect: EACCES R2 is not a known constant'
	call 7
	r2 = r0
	r1 = map[ring]
	r3 = 0
	call 131
	r0 = 0
	exit
