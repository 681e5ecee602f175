# What may sleep is for programs that may.
# type: kprobe
# expect: EINVAL helper call might sleep in a non-sleepable prog
	r1 = r10
	r1 += -8
	r2 = 8
	r3 = 0
	call 148
	r0 = 0
	exit
