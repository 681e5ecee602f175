# type: xdp
# expect: EINVAL jump into the middle of ldimm64
	r0 = 0
	if r0 == 0x0 goto pc+1
	r1 = 0x1122334455667788
	exit
