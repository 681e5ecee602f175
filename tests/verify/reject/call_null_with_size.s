# NULL is no 4 bytes.
# type: sched_cls
# expect: EACCES R1 type=scalar expected=fp
	r1 = 0
	r2 = 4
	r3 = 0
	r4 = 0
	r5 = 0
	call 28
	r0 = 0
	exit
