# A constant key beyond the array is not found.
# type: sched_cls
# map: vals array 4 16 4
# expect: EACCES R0 invalid mem access 'map_value_or_null'
	r1 = 4
	*(u32 *)(r10 -8) = r1
	r2 = r10
	r2 += -8
	r1 = map[vals]
	call 1
	r0 = *(u64 *)(r0 +0)
	r0 = 0
	exit
