# A call with flags becomes no loop.
# type: sched_cls
	*(u32 *)(r10 -12) = 1
	r1 = 10
	r2 = subprog[body]
	r3 = 0
	r4 = 1
	call 181
	r0 = 0
	exit
body:
	r0 = 0
	exit
