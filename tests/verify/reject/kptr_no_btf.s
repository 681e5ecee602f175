# Where a kptr is, types tell.
# type: sched_cls
# map: vals array 4 32 1
# expect: EINVAL map 'vals' has to have BTF in order to use bpf_kptr_xchg
	r1 = map[vals][0] +8
	r2 = 0
	call 194
	r0 = 0
	exit
