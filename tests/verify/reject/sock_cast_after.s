# A socket that was got from another one ends with it.
# type: sched_cls
# expect: EACCES R7 invalid mem access 'scalar'
	*(u64 *)(r10 -16) = 0
	*(u64 *)(r10 -8) = 0
	r2 = r10
	r2 += -16
	r3 = 12
	r4 = 0
	r5 = 0
	call 84
	if r0 == 0 goto out
	r6 = r0
	r1 = r0
	call 96
	if r0 != 0 goto found
	r1 = r6
	call 86
out:
	r0 = 0
	exit
found:
	r7 = r0
	r1 = r6
	call 86
	r0 = *(u32 *)(r7 +0)
	r0 = 0
	exit
