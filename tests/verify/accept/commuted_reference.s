# number += pointer: Linux 6.18 lets the sum outlive the record.
# type: sched_cls
# map: ring ringbuf 0 0 4096
# engine: EACCES R7 invalid mem access 'scalar'
	r1 = map[ring]
	r2 = 8
	r3 = 0
	call 131
	if r0 != 0 goto +2
	r0 = 0
	exit
	r7 = 0
	r7 += r0
	r1 = r0
	r2 = 0
	call 132
	*(u64 *)(r7 +0) = 1
	r0 = 0
	exit
