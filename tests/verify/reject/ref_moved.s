# A record is released by its beginning.
# type: sched_cls
# map: ring ringbuf 0 0 4096
# expect: EINVAL R1 must have zero offset when passed to release func or trusted arg to kfunc
	r1 = map[ring]
	r2 = 8
	r3 = 0
	call 131
	if r0 != 0 goto +2
	r0 = 0
	exit
	r6 = r0
	r1 = r6
	r1 += 8
	r2 = 0
	call 132
	r0 = 0
	exit
