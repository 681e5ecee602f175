# What a global function asks for is memory; why this is none, is told before.
# type: socket_filter
# global
# expect: EINVAL R1 type=scalar expected=fp
# kernel-text: Caller passes invalid args into func#1 ('func1')
	r1 = 5
	call other
	exit
other:
	r0 = 0
	exit
