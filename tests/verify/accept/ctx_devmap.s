# A field that only programs of device maps have.
# type: xdp
# attach-type: 33
# engine: EACCES a field that this engine lacks
	r0 = *(u32 *)(r1 +20)
	r0 = 2
	exit
