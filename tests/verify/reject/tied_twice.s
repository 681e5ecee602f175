# Two of one id are compared: all of it are collected twice, and r7 is no more of them.
# type: socket_filter
# types
# expect: EACCES misaligned stack access off (0x0; 0x3)+-64+24 size 4
	r7 = 1
	r7 s%= 7
	r1 = r7
	r2 = r7
	call a
	r7 &= 3
	r5 = r10
	r5 += -64
	r5 += r7
	*(u32 *)(r5 +24) = 5
	r0 = 0
	exit
a:
	r6 = r1
	if r6 >= r2 goto out
	if r1 != 11 goto out
out:
	r0 = 0
	exit
