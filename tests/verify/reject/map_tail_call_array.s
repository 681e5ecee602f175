# Tail calls need a program array.
# type: sched_cls
# log: the kernel forgets the end of the line
# map: vals array 4 16 4
# expect: EINVAL expected prog array map for tail call
	r2 = map[vals]
	r3 = 0
	call 12
	r0 = 0
	exit
