# Reserved fields are looked at where no path leads, too.
# type: sched_cls
# expect: EINVAL BPF_LDX uses reserved fields
	r0 = 7
	if r0 == 7 goto +1
	.insn 0xffffffff00009161
	exit
