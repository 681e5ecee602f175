# A number that is 0 on the path that is followed first is passed for NULL. Linux 6.18 does not see
# that this decided, and takes the other path, on which it is not 0, for no different.
# type: sched_cls
# types
# engine: EACCES R3 type=scalar expected=fp
	r7 = *(u32 *)(r1 +8)
	r6 = r1
	*(u64 *)(r10 -32) = -67108862
	r6 = atomic_fetch_or((u32 *)(r10 -28), r6)
	if r6 & 0xffffffff goto both
both:
	r2 = subprog[body]
	r3 = r6
	r4 = r7
	r1 = 0
	call 181
	exit
body:
	exit
