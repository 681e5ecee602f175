# The number of rounds is a number: the kernel gives in if it is a pointer.
# type: sched_cls
# expect: EFAULT verifier bug: backtracking misuse
	r2 = subprog[body]
	r3 = 0
	r4 = 0
	call 181
	r0 = 0
	exit
body:
	r0 = 0
	exit
