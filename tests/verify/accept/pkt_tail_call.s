# A tail call of the main program that fails has moved nothing.
# map: progs prog_array 4 4 4
# type: sched_cls
	r6 = r1
	r7 = *(u32 *)(r6 +76)
	r8 = *(u32 *)(r6 +80)
	r2 = r7
	r2 += 8
	if r2 > r8 goto out
	r1 = r6
	r2 = map[progs]
	r3 = 0
	call 12
	r0 = *(u8 *)(r7 +0)
out:
	r0 = 0
	exit
