# A length must have bounds.
# type: sched_cls
# expect: EACCES R2 min value is negative, either use unsigned or 'var &= const'
	call 7
	r2 = r0
	r1 = r10
	r1 += -8
	*(u64 *)(r10 -8) = 0
	r3 = 0
	r4 = 0
	r5 = 0
	call 28
	r0 = 0
	exit
