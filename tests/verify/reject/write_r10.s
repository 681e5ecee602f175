# type: xdp
# expect: EINVAL frame pointer is read only
# errno: EACCES
	r10 = 0
	r0 = 0
	exit
