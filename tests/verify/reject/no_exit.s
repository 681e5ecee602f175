# type: xdp
# expect: EINVAL last insn is not an exit or jmp
	r0 = 2
