# The context is passed as it came.
# type: sched_cls
# expect: EACCES dereference of modified ctx ptr R1 off=4 disallowed
	r1 += 4
	call 34
	r0 = 0
	exit
