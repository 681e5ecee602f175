/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * visor/uapi.h - the kernel's BPF user interface, on every machine we build on.
 *
 * Numbers and layouts come from <linux/bpf.h>. That header may be older than the
 * instruction set this engine implements, so the constants that were added to it later
 * are supplied here, each only where the system's header lacks it.
 */
#ifndef VISOR_UAPI_H
#define VISOR_UAPI_H

#include <stddef.h>
#include <stdint.h>
#include <linux/bpf.h>
#include <linux/btf.h>

/* RFC 9669 and Linux 6.6: sign-extending loads. */
#ifndef BPF_MEMSX
#define BPF_MEMSX 0x80
#endif

/* Linux 6.10: conditional pseudo jump, `may_goto`. */
#ifndef BPF_JCOND
#define BPF_JCOND 0xe0
#endif
#define VISOR_MAY_GOTO                                                             \
	0 /* src_reg of a BPF_JCOND; an enumerator (BPF_MAY_GOTO) in newer headers \
	   */

/* Linux 6.15: atomic accesses without read-modify-write. */
#ifndef BPF_LOAD_ACQ
#define BPF_LOAD_ACQ 0x100
#endif
#ifndef BPF_STORE_REL
#define BPF_STORE_REL 0x110
#endif

/*
 * Newer than some systems' headers, where they are enumerators: what a macro yields is the
 * same number, so that it does no harm in front of or behind the real ones.
 */
#define BPF_PROG_TYPE_NETFILTER 32 /* Linux 6.4 */

#define BPF_LSM_CGROUP		    43 /* Linux 6.0 */
#define BPF_STRUCT_OPS		    44
#define BPF_NETFILTER		    45 /* Linux 6.4 */
#define BPF_TCX_INGRESS		    46 /* Linux 6.6 */
#define BPF_TCX_EGRESS		    47
#define BPF_TRACE_UPROBE_MULTI	    48
#define BPF_CGROUP_UNIX_CONNECT	    49 /* Linux 6.7 */
#define BPF_CGROUP_UNIX_SENDMSG	    50
#define BPF_CGROUP_UNIX_RECVMSG	    51
#define BPF_CGROUP_UNIX_GETPEERNAME 52
#define BPF_CGROUP_UNIX_GETSOCKNAME 53
#define BPF_NETKIT_PRIMARY	    54
#define BPF_NETKIT_PEER		    55
#define BPF_TRACE_KPROBE_SESSION    56 /* Linux 6.10 */
#define BPF_TRACE_UPROBE_SESSION    57 /* Linux 6.13 */
#define VISOR_MAX_ATTACH_TYPE	    58 /* one more than the last of Linux 6.18 */

#define BPF_LINK_TYPE_TCX 11 /* Linux 6.6 */

/* What struct bpf_link_info has of such a link, where it has `xdp` of another. */
struct visor_link_tcx {
	uint32_t ifindex, attach_type;
};

#define BPF_MAP_TYPE_CGRP_STORAGE 32 /* Linux 6.2 */
#define BPF_MAP_TYPE_ARENA	  33 /* Linux 6.9 */

/* Flags of BPF_MAP_CREATE. */
#define BPF_F_LINK	    (1U << 13) /* Linux 6.4 */
#define BPF_F_SEGV_ON_FAULT (1U << 17) /* Linux 6.9 */
#define BPF_F_NO_USER_CONV  (1U << 18)

/* Flags of BPF_PROG_LOAD. */
#ifndef BPF_F_XDP_DEV_BOUND_ONLY
#define BPF_F_XDP_DEV_BOUND_ONLY (1U << 6) /* Linux 6.3 */
#endif
#ifndef BPF_F_TEST_REG_INVARIANTS
#define BPF_F_TEST_REG_INVARIANTS (1U << 7) /* Linux 6.8 */
#endif

#endif
