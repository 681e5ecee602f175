# Only of socket filters and traffic control.
# type: cgroup_skb
# expect: EINVAL BPF_LD_[ABS|IND] instructions not allowed for this program type
	r6 = r1
	r0 = *(u8 *)skb[0]
	r0 = 1
	exit
