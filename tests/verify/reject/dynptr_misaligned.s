# A dynptr takes two slots of the stack.
# type: sched_cls
# map: ring ringbuf 0 0 4096
# kernel-text: Dynptr has to be an uninitialized dynptr
# expect: EINVAL cannot pass in dynptr at an offset=-12
	r1 = map[ring]
	r2 = 8
	r3 = 0
	r4 = r10
	r4 += -12
	call 198
	r0 = 0
	exit
