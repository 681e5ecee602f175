# Only a record of a ring buffer can be submitted.
# type: sched_cls
# expect: EACCES R1 type=fp expected=ringbuf_mem
	r1 = r10
	r2 = 0
	call 132
	r0 = 0
	exit
