# type: xdp
# log: the message does not tell the amount
# expect: EINVAL invalid shift
	r0 = 1
	w0 <<= 32
	exit
