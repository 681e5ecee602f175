# Its value has a size.
# type: sched_cls
# map: vals array 4 16 4
# expect: EACCES invalid access to map value, value_size=16 off=12 size=8
	r1 = map[vals]
	r2 = subprog[body]
	r3 = 0
	r4 = 0
	call 164
	r0 = 0
	exit
body:
	*(u64 *)(r3 +12) = 0
	r0 = 0
	exit
