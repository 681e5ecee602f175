/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * base/lazy.h - a shared library that is loaded when the first of its functions is needed.
 *
 * What few commands need would otherwise cost every start of the program: a library brings its
 * own libraries, and all of them are searched, mapped and relocated. The functions are in a
 * struct whose members bear their names, made from one list, as are the names to look up:
 *
 *     #define Z_FUNCTIONS(FN) FN(compress) FN(uncompress)
 *     static struct { Z_FUNCTIONS(LAZY_MEMBER) } z;
 *     LAZY_LIBRARY(z_library, z, Z_FUNCTIONS, "libz.so." "1")
 *
 *     if (lazy_need(&z_library))
 *             ... it is absent: z_library.why, or lazy_fail
 *     z.compress(...)
 *
 * The library's header is needed to build, for the types. What is loaded stays, and so does the
 * answer that it is absent. Safe from any thread; the table may be used after lazy_need was 0.
 */
#ifndef BASE_LAZY_H
#define BASE_LAZY_H

#include "base/diag.h"

#include <dlfcn.h>
#include <pthread.h>

enum { LAZY_SONAMES = 2 };

struct lazy_library {
	const char *sonames[LAZY_SONAMES]; /* tried in turn; those not used are NULL */
	const char *const *names;
	void *functions; /* struct of n pointers, in the order of names */
	uint32_t n;
	pthread_mutex_t lock;
	bool tried;
	char why[200]; /* once tried: "", or why it cannot be used */
};

#define LAZY_MEMBER(name) __typeof__(&name) name;
#define LAZY_NAME(name)	  #name,

#define LAZY_LIBRARY(library, table, FUNCTIONS, ...)                                  \
	static const char *const library##_names[] = {FUNCTIONS(LAZY_NAME)};          \
	_Static_assert(sizeof(table) == ARRAY_SIZE(library##_names) * sizeof(void *), \
		       "one pointer for each name");                                  \
	static struct lazy_library library = {                                        \
		.sonames = {__VA_ARGS__},                                             \
		.names = library##_names,                                             \
		.functions = &(table),                                                \
		.n = ARRAY_SIZE(library##_names),                                     \
		.lock = PTHREAD_MUTEX_INITIALIZER,                                    \
	};

static inline void lazy_load(struct lazy_library *l)
{
	void *handle = NULL;

	for (int i = 0; !handle && i < LAZY_SONAMES && l->sonames[i]; i++) {
		/* Bound as they are called: of what a library brings, little is. */
		handle = dlopen(l->sonames[i], RTLD_LAZY | RTLD_LOCAL);
		if (!handle && !i)
			snprintf(l->why, sizeof(l->why), "%s", dlerror());
	}
	if (!handle)
		return;
	l->why[0] = '\0';
	for (uint32_t i = 0; i < l->n; i++) {
		void *function = dlsym(handle, l->names[i]);

		if (!function) {
			snprintf(l->why, sizeof(l->why), "%s lacks the function %s", l->sonames[0],
				 l->names[i]);
			dlclose(handle);
			return;
		}
		memcpy((char *)l->functions + i * sizeof(function), &function, sizeof(function));
	}
}

/* 0, or -ELIBACC: see why. */
static inline int lazy_need(struct lazy_library *l)
{
	int err;

	pthread_mutex_lock(&l->lock);
	if (!l->tried)
		lazy_load(l);
	l->tried = true;
	err = l->why[0] ? -ELIBACC : 0;
	pthread_mutex_unlock(&l->lock);
	return err;
}

/* After lazy_need has failed. `package` is what has the library in it. */
static inline int lazy_fail(const struct lazy_library *l, const char *stage, const char *package,
			    struct visor_diag *diag)
{
	diag_fail(diag, -ELIBACC, stage, "%s", l->why);
	diag_hint(diag, "install %s", package);
	return -ELIBACC;
}

#endif
