# type: xdp
# expect: EINVAL invalid func unknown#99999
	call 99999
	exit
