# A pointer is no length.
# type: sched_cls
# expect: EACCES R2 type=fp expected=scalar
	r1 = r10
	r2 = r10
	r3 = 0
	r4 = 0
	r5 = 0
	call 28
	r0 = 0
	exit
