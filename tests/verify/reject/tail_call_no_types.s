# What a function returns that may not come back must be known.
# type: sched_cls
# map: progs prog_array 4 4 4
# expect: EINVAL tail_call is not allowed in subprogs without BTF
	call tail
	r0 = 0
	exit
tail:
	r2 = map[progs]
	r3 = 0
	call 12
	r0 = 0
	exit
