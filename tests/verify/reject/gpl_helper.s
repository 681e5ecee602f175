# bpf_trace_printk needs a GPL-compatible licence.
# type: xdp
# license: BSD
# expect: EINVAL cannot call GPL-restricted function
	r1 = 0x0000000074736574 ll
	*(u64 *)(r10 -8) = r1
	r1 = r10
	r1 += -8
	r2 = 5
	call 6
	r0 = 0
	exit
