# What is read is asked before what the number is.
# type: xdp
# expect: EACCES R8 !read_ok
	r8 >>= 77
	exit
