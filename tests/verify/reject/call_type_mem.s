# The context is no memory.
# type: sched_cls
# expect: EACCES R1 type=ctx expected=fp, pkt, pkt_meta, map_key, map_value, mem, ringbuf_mem, buf, trusted_ptr_
	r2 = 4
	r3 = 0
	r4 = 0
	r5 = 0
	call 28
	r0 = 0
	exit
