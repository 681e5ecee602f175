# Found, not released.
# type: sched_cls
# expect: EINVAL would lead to reference leak
	*(u64 *)(r10 -16) = 0
	*(u64 *)(r10 -8) = 0
	r2 = r10
	r2 += -16
	r3 = 12
	r4 = 0
	r5 = 0
	call 84
	r0 = 0
	exit
