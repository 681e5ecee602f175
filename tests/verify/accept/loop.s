# A bounded loop with a backward jump.
# type: xdp
	r0 = 0
	r1 = 0
again:
	r0 += r1
	r1 += 1
	if r1 < 10 goto again
	r0 = 2
	exit
