# A call with two callbacks becomes no loop.
# type: sched_cls
	call 7
	*(u32 *)(r10 -12) = 1
	r2 = subprog[body]
	if r0 != 0 goto +2
	r2 = subprog[other]
	r1 = 10
	r3 = 0
	r4 = 0
	call 181
	r0 = 0
	exit
body:
	r0 = 0
	exit
other:
	r0 = 1
	exit
