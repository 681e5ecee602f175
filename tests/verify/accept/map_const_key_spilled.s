# The same for a key that was stored from a register.
# map: vals array 4 16 4
# type: sched_cls
	r1 = 3
	*(u32 *)(r10 -8) = r1
	r2 = r10
	r2 += -8
	r1 = map[vals]
	call 1
	r0 = *(u64 *)(r0 +0)
	r0 = 0
	exit
