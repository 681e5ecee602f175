# type: xdp
# expect: EINVAL jump out of range from insn 1 to 5
	r0 = 2
	goto pc+3
	exit
