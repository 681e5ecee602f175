# Socket filters take no locks.
# type: socket_filter
# map: vals array 4 16 4
# field: vals 8 bpf_spin_lock
# expect: EINVAL socket filter progs cannot use bpf_spin_lock yet
	r1 = map[vals]
	r0 = 0
	exit
