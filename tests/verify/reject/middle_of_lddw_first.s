# type: xdp
# expect: EINVAL jump into the middle of ldimm64 insn 1
	if r1 == 0 goto +1
	r1 = 0x1122334455667788
	exit
