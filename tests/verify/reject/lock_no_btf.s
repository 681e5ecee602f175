# Where a lock is, types tell.
# type: sched_cls
# map: vals array 4 16 1
# expect: EINVAL map 'vals' has to have BTF in order to use bpf_spin_lock
	r1 = map[vals][0] +8
	call 93
	r0 = 0
	exit
