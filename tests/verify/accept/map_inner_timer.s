# A timer and its own inner map.
# map: vals hash 4 32 1
# map: outer array_of_maps 4 4 4
# field: vals 8 bpf_timer
# inner: outer vals
# type: sched_cls
# log: the inner map is one of the program's, too, and has a name
	*(u32 *)(r10 -4) = 0
	r2 = r10
	r2 += -4
	r1 = map[outer]
	call 1
	if r0 == 0 goto out
	r6 = r0
	*(u64 *)(r10 -16) = 0
	r2 = r10
	r2 += -16
	r1 = r6
	call 1
	if r0 == 0 goto out
	r1 = r0
	r1 += 8
	r2 = r6
	r3 = 0
	call 169
out:
	r0 = 0
	exit
