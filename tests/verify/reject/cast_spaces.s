# type: xdp
# expect: EINVAL addr_space_cast insn can only convert between address space 1 and 0
	r2 = addr_space_cast(r10, 0, 0)
	exit
