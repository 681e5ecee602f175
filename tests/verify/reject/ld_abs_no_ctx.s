# type: socket_filter
# expect: EINVAL at the time of BPF_LD_ABS|IND R6 != pointer to skb
	r6 = 1
	r0 = *(u8 *)skb[0]
	exit
