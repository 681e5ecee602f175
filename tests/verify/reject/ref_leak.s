# A record must be submitted or discarded.
# type: sched_cls
# map: ring ringbuf 0 0 4096
# expect: EINVAL would lead to reference leak
	r1 = map[ring]
	r2 = 8
	r3 = 0
	call 131
	if r0 != 0 goto +2
	r0 = 0
	exit
	r6 = r0
	r0 = 0
	exit
