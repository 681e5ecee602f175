# Linux 6.18 takes a pointer that was at the packet's end to be there after it was moved back, and
# the second test for one that never holds.
# type: sched_cls
# engine: EACCES invalid access to packet
	r9 = *(u32 *)(r1 +76)
	r8 = *(u32 *)(r1 +80)
	r9 += 256
	if r9 >= r8 goto short
	r0 = 0
	exit
short:
	r9 -= 256
	if r9 < r8 goto bytes
	r0 = 0
	exit
bytes:
	r0 = *(u64 *)(r9 +0)
	r0 = 0
	exit
