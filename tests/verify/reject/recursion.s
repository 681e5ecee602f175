# type: xdp
# expect: EINVAL recursive call
# errno: E2BIG
# kernel-text: too deep
	call f
	exit
f:
	call f
	exit
