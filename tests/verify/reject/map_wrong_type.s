# An array is no ring buffer.
# type: sched_cls
# map: vals array 4 16 4
# expect: EINVAL cannot pass map_type 2 into func bpf_ringbuf_output#130
	r1 = map[vals]
	r2 = r10
	r2 += -8
	*(u64 *)(r10 -8) = 0
	r3 = 8
	r4 = 0
	call 130
	r0 = 0
	exit
