# Submitted on one way, discarded on the other.
# map: ring ringbuf 0 0 4096
# type: sched_cls
	r1 = map[ring]
	r2 = 8
	r3 = 0
	call 131
	if r0 != 0 goto +2
	r0 = 0
	exit
	r6 = r0
	*(u64 *)(r6 +0) = 1
	call 7
	r1 = r6
	r2 = 0
	if r0 == 0 goto other
	call 132
	r0 = 0
	exit
other:
	call 133
	r0 = 0
	exit
