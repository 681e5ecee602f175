# A number is no callback.
# type: sched_cls
# expect: EACCES R2 type=scalar expected=func
	r1 = 5
	r2 = 5
	r3 = 0
	r4 = 0
	call 181
	r0 = 0
	exit
