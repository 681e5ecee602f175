# Nor does what runs anywhere.
# type: kprobe
# map: vals array 4 16 4
# field: vals 8 bpf_spin_lock
# expect: EINVAL tracing progs cannot use bpf_spin_lock yet
	r1 = map[vals]
	r0 = 0
	exit
