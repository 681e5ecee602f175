# Sockets are not dropped where one may be locked.
# type: sk_skb
# map: socks sockmap 4 4 4
# expect: EINVAL cannot pass map_type 15 into func bpf_map_delete_elem#3
	*(u64 *)(r10 -8) = 0
	r2 = r10
	r2 += -8
	r1 = map[socks]
	call 3
	r0 = 0
	exit
