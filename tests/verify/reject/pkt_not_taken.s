# Others do not take them.
# type: sched_cls
# map: ring ringbuf 0 0 4096
# expect: EACCES helper access to the packet is not allowed
	r6 = r1
	r7 = *(u32 *)(r6 +76)
	r8 = *(u32 *)(r6 +80)
	r2 = r7
	r2 += 8
	if r2 > r8 goto out
	r1 = map[ring]
	r2 = r7
	r3 = 8
	r4 = 0
	call 130
out:
	r0 = 0
	exit
