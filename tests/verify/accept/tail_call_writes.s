# Behind its tail call the function writes a slot of its caller: Linux 6.18 takes it for written
# even if the tail call succeeds, and does not look at what the last way stores there.
# type: socket_filter
# map: progs prog_array 4 4 4
# types
# log: what is touched by the return of a tail call
# engine: EACCES invalid read from stack R2 off=-1024 size=8
	r6 = r1
	r7 = 0
	*(u64 *)(r10 -8) = -8
	call 7
	if r0 == 1 goto last
	if r0 == 2 goto second
	goto both
second:
	r7 = 1
	call 7
	if r0 != 43 goto +0
	call 7
	if r0 != 44 goto +0
	r0 = 0
	r0 = 0
	r0 = 0
	r0 = 0
	r0 = 0
	goto both
last:
	r7 = 1
	*(u64 *)(r10 -8) = -1024
both:
	r1 = r6
	r2 = r10
	r2 += -8
	call inner
	r0 = 0
	if r7 == 0 goto out
	r1 = *(u64 *)(r10 -8)
	r2 = r10
	r2 += r1
	r0 = *(u64 *)(r2 +0)
out:
	exit
inner:
	r6 = r2
	r2 = map[progs]
	r3 = 0
	call 12
	*(u64 *)(r6 +0) = -16
	r0 = 0
	exit
