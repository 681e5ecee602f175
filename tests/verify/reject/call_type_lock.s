# The context holds no lock.
# type: sched_cls
# expect: EACCES R1 type=ctx expected=map_value, ptr_
	call 93
	r0 = 0
	exit
