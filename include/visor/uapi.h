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
#define VISOR_MAY_GOTO 0 /* src_reg of a BPF_JCOND; an enumerator (BPF_MAY_GOTO) in newer headers */

/* Linux 6.15: atomic accesses without read-modify-write. */
#ifndef BPF_LOAD_ACQ
#define BPF_LOAD_ACQ 0x100
#endif
#ifndef BPF_STORE_REL
#define BPF_STORE_REL 0x110
#endif

#endif
