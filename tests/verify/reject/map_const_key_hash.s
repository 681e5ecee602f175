# Hashes may be empty.
# type: sched_cls
# map: vals hash 4 16 4
# expect: EACCES R0 invalid mem access 'map_value_or_null'
	*(u64 *)(r10 -8) = 0
	r2 = r10
	r2 += -8
	r1 = map[vals]
	call 1
	r0 = *(u64 *)(r0 +0)
	r0 = 0
	exit
