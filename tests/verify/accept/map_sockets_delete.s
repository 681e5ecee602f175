# Here none is.
# map: socks sockmap 4 4 4
# type: sched_cls
	*(u64 *)(r10 -8) = 0
	r2 = r10
	r2 += -8
	r1 = map[socks]
	call 3
	r0 = 0
	exit
