# The stack of a loop counts after the stack was found to be small enough.
# type: sched_cls
	*(u64 *)(r10 -512) = 1
	r1 = 10
	r2 = subprog[body]
	r3 = 0
	r4 = 0
	call 181
	r0 = 0
	exit
body:
	r0 = 0
	exit
