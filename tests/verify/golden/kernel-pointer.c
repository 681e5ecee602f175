/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* In a tracepoint the arguments are numbers: what they point to is read by a helper. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct args {
	__u64 common;
	__u64 id;
	const char *name;
};

SEC("tracepoint/syscalls/sys_enter_openat")
int opened(struct args *ctx)
{
	const char *name = ctx->name;

	return name[0] == '/';
}

char _license[] SEC("license") = "GPL";
