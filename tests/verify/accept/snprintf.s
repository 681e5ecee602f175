# A format that fits its data.
# map: fmt array 4 16 1
# text: fmt n=%llu 100%%
# type: sched_cls
	r1 = r10
	r1 += -32
	r2 = 32
	r3 = map[fmt][0] +0
	r4 = r10
	r4 += -8
	*(u64 *)(r10 -8) = 7
	r5 = 8
	call 165
	r0 = 0
	exit
