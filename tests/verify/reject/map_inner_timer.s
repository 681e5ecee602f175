# A timer of one inner map, and another one.
# type: sched_cls
# log: the inner map is one of the program's, too, and has a name
# map: vals hash 4 32 1
# map: outer array_of_maps 4 4 4
# field: vals 8 bpf_timer
# inner: outer vals
# expect: EINVAL timer pointer in R1 map_uid=1 doesn't match map pointer in R2 map_uid=2
	*(u32 *)(r10 -4) = 0
	r2 = r10
	r2 += -4
	r1 = map[outer]
	call 1
	if r0 == 0 goto out
	r6 = r0
	*(u32 *)(r10 -4) = 1
	r2 = r10
	r2 += -4
	r1 = map[outer]
	call 1
	if r0 == 0 goto out
	r7 = r0
	*(u64 *)(r10 -16) = 0
	r2 = r10
	r2 += -16
	r1 = r6
	call 1
	if r0 == 0 goto out
	r1 = r0
	r1 += 8
	r2 = r7
	r3 = 0
	call 169
out:
	r0 = 0
	exit
