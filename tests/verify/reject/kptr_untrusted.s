# What is not owned is stored, not exchanged.
# type: sched_cls
# map: vals array 4 32 1
# field: vals 8 kptr task_struct
# field: vals 16 kptr_untrusted task_struct
# expect: EACCES off=16 kptr isn't referenced kptr
	r1 = map[vals][0] +16
	r2 = 0
	call 194
	r0 = 0
	exit
