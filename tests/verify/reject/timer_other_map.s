# A timer of another map.
# type: sched_cls
# map: vals array 4 32 1
# map: other array 4 32 1
# field: vals 8 bpf_timer
# expect: EINVAL timer pointer in R1 map_uid=0 doesn't match map pointer in R2 map_uid=0
	r1 = map[vals][0] +8
	r2 = map[other]
	r3 = 0
	call 169
	r0 = 0
	exit
