# A stack that is too large is told without what loops would add.
# type: sched_cls
# expect: EACCES combined stack size of 2 calls is 528. Too large
	*(u64 *)(r10 -8) = 1
	r1 = 7
	*(u64 *)(r10 -16) = r1
	call 8
	r1 = *(u64 *)(r10 -16)
	r1 = 10
	r2 = subprog[body]
	r3 = r10
	r4 = 0
	call 181
	r0 = 0
	exit
body:
	*(u64 *)(r10 -512) = 1
	r0 = 0
	exit
