# A packet pointer cannot be read in part.
# type: xdp
# expect: EACCES invalid bpf_context access off=0 size=2
	r0 = *(u16 *)(r1 +0)
	r0 = 0
	exit
