# Opcodes are looked at where no path leads, too.
# type: sched_cls
# expect: EINVAL unknown opcode 8d
	r0 = 7
	if r0 == 7 goto +1
	.insn 0x000000850000008d
	exit
