# Its bytes are not to be read.
# type: sched_cls
# map: vals array 4 16 1
# expect: EACCES invalid read from stack off -16+0 size 8
	r1 = map[vals][0] +0
	r2 = 8
	r3 = 0
	r4 = r10
	r4 += -16
	call 197
	r1 = *(u64 *)(r10 -16)
	r0 = 0
	exit
