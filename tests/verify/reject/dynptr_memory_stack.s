# Memory of the stack may go while the dynptr stays.
# type: sched_cls
# expect: EACCES Unsupported reg type fp for bpf_dynptr_from_mem data
	*(u64 *)(r10 -24) = 0
	r1 = r10
	r1 += -24
	r2 = 8
	r3 = 0
	r4 = r10
	r4 += -16
	call 197
	r0 = 0
	exit
