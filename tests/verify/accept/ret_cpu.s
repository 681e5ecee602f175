# Processors have small numbers.
# map: vals array 4 16 1
# type: sched_cls
	call 8
	r1 = map[vals][0] +0
	if r0 > 4095 goto +2
	r0 = 0
	exit
	r0 = *(u8 *)(r2 +0)
	exit
