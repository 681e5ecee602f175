# The packet may be elsewhere after this call.
# type: sched_cls
# expect: EACCES R7 invalid mem access 'scalar'
	r6 = r1
	r7 = *(u32 *)(r6 +76)
	r8 = *(u32 *)(r6 +80)
	r2 = r7
	r2 += 8
	if r2 > r8 goto out
	r1 = r6
	r2 = 0
	call 39
	r0 = *(u8 *)(r7 +0)
out:
	r0 = 0
	exit
