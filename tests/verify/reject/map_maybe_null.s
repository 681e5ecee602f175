# A look-up may find nothing.
# type: sched_cls
# map: vals array 4 16 4
# expect: EACCES R0 invalid mem access 'map_value_or_null'
	call 7
	*(u32 *)(r10 -4) = r0
	r2 = r10
	r2 += -4
	r1 = map[vals]
	call 1
	r0 = *(u64 *)(r0 +0)
	exit
