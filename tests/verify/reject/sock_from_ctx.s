# A socket that was not looked up is not to be released.
# type: sched_cls
# expect: EINVAL R1 must be referenced when passed to release function
	r1 = *(u64 *)(r1 +168)
	if r1 == 0 goto +1
	call 86
	r0 = 0
	exit
