# A dynptr with a record is released.
# type: sched_cls
# map: ring ringbuf 0 0 4096
# expect: EINVAL Unreleased reference id=2 alloc_insn=6
	r1 = map[ring]
	r2 = 8
	r3 = 0
	r4 = r10
	r4 += -16
	call 198
	r0 = 0
	exit
