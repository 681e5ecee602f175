# Programs end without locks.
# type: sched_cls
# map: vals array 4 16 1
# field: vals 8 bpf_spin_lock
# expect: EINVAL BPF_EXIT instruction in main prog cannot be used inside bpf_spin_lock-ed region
	r6 = map[vals][0] +8
	r1 = r6
	call 93
	r0 = 0
	exit
