# Classic packet access in a socket filter.
# type: socket_filter
	r6 = r1
	r0 = *(u16 *)skb[12]
	if r0 == 0x800 goto ip
	r0 = 0
	exit
ip:
	r0 = 65535
	exit
