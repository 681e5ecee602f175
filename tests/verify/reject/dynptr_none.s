# There is no dynptr.
# type: sched_cls
# expect: EINVAL Expected an initialized dynptr as arg #0
	r1 = r10
	r1 += -16
	r2 = 0
	r3 = 8
	call 203
	r0 = 0
	exit
