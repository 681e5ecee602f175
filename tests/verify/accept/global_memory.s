# type: socket_filter
# global
	*(u64 *)(r10 -8) = 1
	r1 = r10
	r1 += -8
	call other
	exit
other:
	r0 = 0
	if r1 == 0 goto out
	r0 = *(u64 *)(r1 +0)
	*(u64 *)(r1 +0) = 2
out:
	exit
