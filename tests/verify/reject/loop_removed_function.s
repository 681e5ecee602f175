# Code that no path comes to is removed: the last function has no address then.
# log: where the removed function was is told otherwise here
# type: sched_cls
# expect: EFAULT verifier bug: No program to jit at insn
	r1 = 2
	r2 = subprog[body]
	r3 = 0
	r4 = 0
	call 181
	r1 = 0
	r2 = subprog[other]
	r3 = 0
	r4 = 0
	call 181
	r0 = 0
	exit
body:
	r0 = 0
	exit
other:
	r0 = 0
	exit
