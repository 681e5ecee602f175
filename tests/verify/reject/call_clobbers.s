# r1 to r5 are gone after a call.
# type: xdp
# expect: EACCES R1 !read_ok
	r1 = 1
	call 5
	r0 = r1
	exit
