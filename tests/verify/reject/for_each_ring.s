# Ring buffers have no entries to go through.
# type: sched_cls
# map: ring ringbuf 0 0 4096
# expect: ENOTSUPP callback function not allowed for map
	r1 = map[ring]
	r2 = subprog[body]
	r3 = 0
	r4 = 0
	call 164
	r0 = 0
	exit
body:
	r0 = 0
	exit
