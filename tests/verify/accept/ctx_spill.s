# The context pointer survives a spill, a copy and a call to a local function.
# type: xdp
	r6 = r1
	*(u64 *)(r10 -8) = r1
	call load_len
	r7 = r0
	r1 = *(u64 *)(r10 -8)
	r2 = *(u32 *)(r1 +0)
	r3 = *(u32 *)(r6 +4)
	r0 = 2
	if r2 > r3 goto out
	r0 = r7
	if r0 > 2 goto one
	goto out
one:
	r0 = 1
out:
	exit
load_len:
	r2 = *(u32 *)(r1 +0)
	r0 = *(u32 *)(r1 +4)
	r0 -= r2
	exit
# ctx: 5 6 14 15
