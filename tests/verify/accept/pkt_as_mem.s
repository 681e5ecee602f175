# Packet bytes as memory of a helper that takes them.
# type: sched_cls
	r6 = r1
	r7 = *(u32 *)(r6 +76)
	r8 = *(u32 *)(r6 +80)
	r2 = r7
	r2 += 8
	if r2 > r8 goto out
	r1 = r7
	r2 = 8
	r3 = 0
	r4 = 0
	r5 = 0
	call 28
out:
	r0 = 0
	exit
