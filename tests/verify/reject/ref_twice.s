# Once.
# type: sched_cls
# map: ring ringbuf 0 0 4096
# expect: EACCES R1 type=scalar expected=ringbuf_mem
	r1 = map[ring]
	r2 = 8
	r3 = 0
	call 131
	if r0 != 0 goto +2
	r0 = 0
	exit
	r6 = r0
	r1 = r6
	r2 = 0
	call 132
	r1 = r6
	r2 = 0
	call 132
	r0 = 0
	exit
