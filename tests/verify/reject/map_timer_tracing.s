# The same for timers.
# type: perf_event
# map: vals array 4 32 4
# field: vals 8 bpf_timer
# expect: EINVAL tracing progs cannot use bpf_timer yet
	r1 = map[vals]
	r0 = 0
	exit
