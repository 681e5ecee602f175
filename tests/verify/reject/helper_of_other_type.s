# A helper of tc programs only.
# type: xdp
# log: the kernel takes all arguments of unknown helpers for used
# expect: EINVAL cannot use helper bpf_skb_vlan_push#18
	r1 = 0
	call 18
	r0 = 0
	exit
