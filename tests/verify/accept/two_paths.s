# Both paths leave the context in r6.
# type: sched_cls
	r6 = r1
	r2 = *(u32 *)(r1 +0)
	if r2 > 100 goto big
	r6 = r1
big:
	r0 = *(u32 *)(r6 +16)
	r0 = 0
	exit
# ctx: 1 4
