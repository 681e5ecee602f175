# What comes out of the map is the program's.
# type: sched_cls
# map: vals array 4 32 1
# field: vals 8 kptr task_struct
# field: vals 16 kptr_untrusted task_struct
# expect: EINVAL would lead to reference leak
	r1 = map[vals][0] +8
	r2 = 0
	call 194
	r0 = 0
	exit
