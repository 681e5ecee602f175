# A program that does not come back cannot release.
# type: sched_cls
# map: ring ringbuf 0 0 4096
# map: progs prog_array 4 4 4
# expect: EINVAL would lead to reference leak
	r7 = r1
	r1 = map[ring]
	r2 = 8
	r3 = 0
	call 131
	if r0 != 0 goto +2
	r0 = 0
	exit
	r6 = r0
	r1 = r7
	r2 = map[progs]
	r3 = 0
	call 12
	r0 = 0
	exit
