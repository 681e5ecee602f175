# A call whose callback is never called becomes a loop, too.
# type: sched_cls
	r0 = 0
	r1 = 0
	r2 = subprog[body]
	r3 = r10
	r4 = 0
	call 181
	exit
body:
	r0 = 0
	exit
