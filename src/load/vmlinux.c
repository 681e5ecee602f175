/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load/vmlinux.c - the file of the kernel's types, as a session wants it to be.
 *
 * libbpf reads the types of the running kernel from one place. While the thread is in a session
 * that brings types along, these are what it finds there; every other file is the system's.
 */
#include "load/syscall.h"
#include "base/util.h"

#include <dlfcn.h>
#include <stdio.h>
#include <unistd.h>

#define VMLINUX_PATH "/sys/kernel/btf/vmlinux"

static const struct load_session *vmlinux_session(const char *path)
{
	const struct load_session *session = load_current();

	return session && session->vmlinux && path && !strcmp(path, VMLINUX_PATH) ? session : NULL;
}

VISOR_EXPORT int faccessat(int dir, const char *path, int mode, int flags)
{
	static int (*real)(int, const char *, int, int);

	if (vmlinux_session(path))
		return 0;
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "faccessat");
	return real(dir, path, mode, flags);
}

/* The headers may rename fopen to fopen64: this is the symbol, whatever it is called. */
FILE *load_fopen64(const char *path, const char *mode) __asm__("fopen64");

VISOR_EXPORT FILE *load_fopen64(const char *path, const char *mode)
{
	static FILE *(*real)(const char *, const char *);
	const struct load_session *session = vmlinux_session(path);

	if (session)
		return fmemopen((void *)session->vmlinux, session->vmlinux_size, "rb");
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "fopen64");
	return real(path, mode);
}
