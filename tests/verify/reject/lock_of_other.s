# Two look-ups, two locks.
# type: sched_cls
# map: vals hash 4 16 4
# field: vals 8 bpf_spin_lock
# expect: EINVAL bpf_spin_unlock of different lock
	*(u32 *)(r10 -4) = 0
	r2 = r10
	r2 += -4
	r1 = map[vals]
	call 1
	if r0 == 0 goto out
	r6 = r0
	r2 = r10
	r2 += -4
	r1 = map[vals]
	call 1
	if r0 == 0 goto out
	r7 = r0
	r1 = r6
	r1 += 8
	call 93
	r1 = r7
	r1 += 8
	call 94
out:
	r0 = 0
	exit
