# How often is a number.
# type: sched_cls
# expect: EFAULT verifier bug: backtracking misuse
	r2 = subprog[body]
	r3 = 0
	r4 = 0
	call 181
	exit
body:
	r0 = 0
	exit
