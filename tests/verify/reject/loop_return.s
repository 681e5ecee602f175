# A callback says 0 or 1.
# type: sched_cls
# expect: EINVAL At callback return the register R0 has smin=2 smax=2 should have been in [0, 1]
	r1 = 10
	r2 = subprog[body]
	r3 = 0
	r4 = 0
	call 181
	r0 = 0
	exit
body:
	r0 = 2
	exit
