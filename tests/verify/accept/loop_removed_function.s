# Where another function follows, its address is taken for it.
# type: sched_cls
	r1 = 0
	r2 = subprog[body]
	r3 = 0
	r4 = 0
	call 181
	r1 = 2
	r2 = subprog[other]
	r3 = 0
	r4 = 0
	call 181
	r0 = 0
	exit
body:
	r0 = 0
	exit
other:
	r0 = 0
	exit
