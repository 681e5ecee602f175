# type: xdp
# expect: EINVAL jump out of range from insn 1 to 5
	r0 = 0
	if r1 == 0x0 goto inside
	call f
	exit
f:
	r0 = 1
inside:
	exit
