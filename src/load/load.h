/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load/load.h - object files, through unmodified libbpf, into either engine.
 *
 * libbpf issues bpf(2) through the C library's syscall(). Programs that contain this layer
 * (and the preload library of `visor exec`) provide that symbol: while the calling thread
 * is inside a *session*, the bpf command goes to the session's engine, everything else to
 * the kernel. The session can also look at, and replace, every program on its way to the
 * engine (the chain layer stitches there): what libbpf relocated is all in one place, the
 * attributes of BPF_PROG_LOAD.
 */
#ifndef LOAD_LOAD_H
#define LOAD_LOAD_H

#include <bpf/libbpf.h>

#include "base/diag.h"
#include "load/syscall.h"

/*
 * Opens (parses) an object: a path, or a module's name (load/file.h). libbpf's own messages become the diagnostic. The caller closes it with
 * bpf_object__close. Call within a session.
 */
int load_open(const char *path, struct bpf_object **out, struct visor_diag *diag);

/* Creates maps and loads programs on the current session's engine; on failure nothing stays
 * loaded and diag holds the engine's own reason (verifier log's last lines included). */
int load_load(struct bpf_object *obj, struct visor_diag *diag);

/* Compiles module source (.c) with clang into a temporary object at out_path. */
int load_compile(const char *source, char *out_path, size_t size, struct visor_diag *diag);

#endif
