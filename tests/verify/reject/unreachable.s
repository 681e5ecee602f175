# type: xdp
# expect: EINVAL unreachable insn 2
	r0 = 2
	exit
	r0 = 1
	exit
