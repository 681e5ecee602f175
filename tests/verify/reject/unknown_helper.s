# type: xdp
# log: the kernel takes all arguments of unknown helpers for used
# expect: EINVAL invalid func unknown#99999
	call 99999
	exit
