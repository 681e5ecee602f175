# Linux 6.18 asks what the pointer is after the load has replaced it.
# type: sched_cls
# engine: EACCES BPF_ATOMIC loads from R1 ctx is not allowed
	r1 = load_acquire((u32 *)(r1 +0))
	r0 = 0
	exit
