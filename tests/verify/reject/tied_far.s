# How far the number is above the one that it is tied to counts as an offset.
# type: socket_filter
# expect: EINVAL fp pointer offset -1002851914 is not allowed
	r8 = *(u32 *)(r1 +28)
	r9 = r8
	r8 -= 1002851914
	if r8 > 31 goto out
	r7 = r10
	r7 += -64
	r7 += r8
	r0 = *(u8 *)(r7 +0)
	r0 = 0
out:
	r0 = 0
	exit
