# A number that is 0 on the path that is followed first is passed for NULL. Linux 6.18 does not see
# that this decided, and takes the other path, on which it is not 0, for no different.
# type: sched_cls
# engine: EACCES R1 type=scalar expected=
	r6 = r1
	*(u64 *)(r10 -32) = -67108862
	r6 = atomic_fetch_or((u32 *)(r10 -28), r6)
	if r6 & 0xffffffff goto both
both:
	r1 = r6
	r2 = 0
	r3 = 0
	r4 = 0
	r5 = 0
	call 28
	r0 = 0
	exit
