# An argument must be set.
# type: xdp
# map: vals array 4 16 4
# expect: EACCES R2 !read_ok
	r1 = map[vals]
	call 1
	r0 = 0
	exit
