# In a function, what was called in its place may have moved the packet.
# type: sched_cls
# log: what is touched by the return of a tail call
# map: progs prog_array 4 4 4
# types
# expect: EACCES R7 invalid mem access 'scalar'
	r6 = r1
	r7 = *(u32 *)(r6 +76)
	r8 = *(u32 *)(r6 +80)
	r2 = r7
	r2 += 8
	if r2 > r8 goto out
	r1 = r6
	call tail
	r0 = *(u8 *)(r7 +0)
out:
	r0 = 0
	exit
tail:
	r2 = map[progs]
	r3 = 0
	call 12
	r0 = 0
	exit
