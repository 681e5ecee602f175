# Slots that only spills around a call use are given back before.
# type: sched_cls
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
	r0 = 0
	exit
