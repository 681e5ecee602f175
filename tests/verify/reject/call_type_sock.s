# Nor is it a socket.
# type: sched_cls
# expect: EACCES R1 type=ctx expected=sock_common, sock, tcp_sock, xdp_sock, ptr_, trusted_ptr_
	call 86
	r0 = 0
	exit
