# A socket may not be found.
# type: sched_cls
# expect: EACCES R1 type=sock_or_null expected=sock_common, sock, tcp_sock, xdp_sock, ptr_, trusted_ptr_
	*(u64 *)(r10 -16) = 0
	*(u64 *)(r10 -8) = 0
	r2 = r10
	r2 += -16
	r3 = 12
	r4 = 0
	r5 = 0
	call 84
	r1 = r0
	call 86
	r0 = 0
	exit
