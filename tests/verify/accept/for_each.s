# A callback for each entry.
# map: vals array 4 16 4
# type: sched_cls
	r1 = map[vals]
	r2 = subprog[body]
	r3 = 0
	r4 = 0
	call 164
	r0 = 0
	exit
body:
	r1 = *(u32 *)(r2 +0)
	*(u64 *)(r3 +8) = r1
	r0 = 0
	exit
