# A loop of no rounds is not followed.
# type: sched_cls
	r1 = 0
	r2 = subprog[body]
	r3 = 0
	r4 = 0
	call 181
	r0 = 0
	exit
body:
	r0 = 0
	exit
