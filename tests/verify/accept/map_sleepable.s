# Arrays may be slept over.
# map: vals array 4 16 4
# sleepable
# type: syscall
	r1 = map[vals]
	r0 = 0
	exit
