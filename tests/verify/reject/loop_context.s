# What a callback does with its context counts.
# type: sched_cls
# expect: EACCES R2 invalid mem access 'scalar'
	r1 = 10
	r2 = subprog[body]
	r3 = 0
	r4 = 0
	call 181
	r0 = 0
	exit
body:
	r0 = *(u8 *)(r2 +0)
	r0 = 0
	exit
