# type: xdp
# expect: EINVAL invalid shift
	r0 = 1
	w0 <<= 32
	exit
