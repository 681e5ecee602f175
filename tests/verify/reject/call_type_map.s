# A number is no map.
# type: sched_cls
# expect: EACCES R1 type=scalar expected=map_ptr
	r1 = 0
	r2 = r10
	call 1
	r0 = 0
	exit
