# Calls that become loops add 24 bytes to the stack, however many they are.
# type: sched_cls
	*(u32 *)(r10 -12) = 1
	r1 = 10
	r2 = subprog[body]
	r3 = 0
	r4 = 0
	call 181
	r1 = 10
	r2 = subprog[body]
	r3 = 0
	r4 = 0
	call 181
	r0 = 0
	exit
body:
	r0 = 0
	exit
