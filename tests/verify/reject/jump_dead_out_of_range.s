# A jump with reserved fields that nothing reaches has to lead somewhere, too.
# type: socket_filter
# expect: EINVAL jump out of range from insn 1 to -23
	goto +2
	.insn 0x00000000ffe79ae5
	r0 = 0
	r0 = 0
	exit
