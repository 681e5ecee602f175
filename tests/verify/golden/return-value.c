/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Programs of this hook say 0 (refuse) or 1 (allow). */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("cgroup/sock_create")
int create(struct bpf_sock *sk)
{
	return sk->family;
}

char _license[] SEC("license") = "GPL";
