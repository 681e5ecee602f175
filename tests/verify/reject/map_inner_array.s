# How many entries an inner array has is known only without BPF_F_INNER_MAP.
# type: sched_cls
# map: vals array 4 16 4 0x1000
# expect: EACCES R0 invalid mem access 'map_value_or_null'
	*(u64 *)(r10 -8) = 0
	r2 = r10
	r2 += -8
	r1 = map[vals]
	call 1
	r0 = *(u64 *)(r0 +0)
	r0 = 0
	exit
