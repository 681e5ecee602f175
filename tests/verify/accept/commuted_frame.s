# number += pointer: Linux 6.18 takes the slot for one of the outermost function's.
# type: socket_filter
# map: vals array 4 8 1
# types
# engine: EACCES R7 invalid mem access 'scalar'
	*(u64 *)(r10 -8) = 0
	r1 = map[vals][0] +0
	call inner
	r0 = 0
	exit
inner:
	*(u64 *)(r10 -8) = r1
	r6 = -8
	r6 += r10
	r2 = 0
	*(u64 *)(r6 +0) = r2
	r7 = *(u64 *)(r10 -8)
	*(u64 *)(r7 +0) = r2
	r0 = 0
	exit
