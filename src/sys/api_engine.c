/* SPDX-License-Identifier: BSD-2-Clause */
/* sys/api_engine.c - engines: opening, closing, and which one a thread uses. */
#include "sys/sys.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static __thread struct visor *engine_current;
static pthread_mutex_t engine_lock = PTHREAD_MUTEX_INITIALIZER;
static struct visor *engine_default;

/* An options struct of a newer caller: what we do not know must be unset. */
static int opts_check(const void *opts, size_t known, size_t sz, struct visor_diag *diag)
{
	const uint8_t *byte = opts;

	if (sz < sizeof(size_t))
		return diag_fail(diag, -EINVAL, "options", "an options struct without its size");
	for (size_t i = known; i < sz; i++)
		if (byte[i])
			return diag_fail(diag, -E2BIG, "options",
					 "options that this version of libvisor does not have");
	return 0;
}

int sys_opts_get(const void *opts, void *out, size_t known, struct visor_diag *diag)
{
	size_t sz;
	int err;

	memset(out, 0, known);
	if (!opts)
		return 0;
	memcpy(&sz, opts, sizeof(sz));
	err = opts_check(opts, known, sz, diag);
	if (!err)
		memcpy(out, opts, MIN(sz, known));
	return err;
}

/* For tests, and for a look at what the compiler is worth: VISOR_EXEC says who runs programs. */
static int engine_exec(bool interpret, enum vm_exec *out, struct visor_diag *diag)
{
	static const char *const names[] = {
		[VM_EXEC_BEST] = "best",
		[VM_EXEC_INTERPRETED] = "interpreted",
		[VM_EXEC_NATIVE] = "native",
	};
	const char *name = getenv("VISOR_EXEC");

	*out = interpret ? VM_EXEC_INTERPRETED : VM_EXEC_BEST;
	if (interpret || !name || !*name)
		return 0;
	for (uint32_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(name, names[i])) {
			*out = i;
			return 0;
		}
	return diag_fail(diag, -EINVAL, "open",
			 "VISOR_EXEC is 'interpreted', 'native' or 'best', not '%s'", name);
}

/* VISOR_BLIND, as VISOR_PERF_MAP: anything but 0. */
static bool engine_blind(bool blind)
{
	const char *said = getenv("VISOR_BLIND");

	return blind || (said && *said && strcmp(said, "0") != 0);
}

VISOR_EXPORT int visor_open(const struct visor_opts *opts, struct visor **out,
			    struct visor_diag *diag)
{
	struct visor_opts o;
	enum vm_exec exec;
	struct visor *v;
	int err = sys_opts_get(opts, &o, sizeof(o), diag);

	if (!err)
		err = engine_exec(o.interpret, &exec, diag);
	if (err)
		return err;
	v = calloc(1, sizeof(*v));
	if (!v)
		return diag_fail(diag, -ENOMEM, "open", "out of memory");
	pthread_mutex_init(&v->state, NULL);
	pthread_rwlock_init(&v->table, NULL);
	v->dir = v->pins = v->lock_fd = v->stats_fd = v->code = -1;
	for (int k = 0; k < OBJ_KIND_COUNT; k++)
		v->kinds[k] = -1;
	v->host = sys_host;
	v->host.user = v;
	v->trust = sys_trust_of(o.checked, o.trusted);
	v->exec = exec;
	v->blind = engine_blind(o.blind);
	err = store_open(v, o.state, diag);
	if (!err && o.code)
		err = kept_open(v, o.code, diag);
	if (err) {
		visor_close(v);
		return err;
	}
	*out = v;
	return 0;
}

VISOR_EXPORT void visor_close(struct visor *v)
{
	if (!v)
		return;
	if (engine_current == v)
		engine_current = NULL;
	store_close(v);
	if (v->stats_fd >= 0) {
		vm_stats_every(0);
		close(v->stats_fd);
	}
	if (v->code >= 0)
		close(v->code);
	sys_types_free(v);
	pthread_rwlock_destroy(&v->table);
	pthread_mutex_destroy(&v->state);
	free(v);
}

VISOR_EXPORT struct visor *visor_use(struct visor *v)
{
	struct visor *before = engine_current;

	engine_current = v;
	return before;
}

VISOR_EXPORT int visor_bpf(int cmd, union bpf_attr *attr, unsigned int size)
{
	struct visor *v = engine_current;
	const char *state;
	int err = 0;

	if (!v) {
		pthread_mutex_lock(&engine_lock);
		if (!engine_default) {
			state = getenv("VISOR_STATE");
			VISOR_OPTS(visor_opts, opts, .state = state && *state ? state : NULL);
			err = visor_open(&opts, &engine_default, NULL);
		}
		v = engine_default;
		pthread_mutex_unlock(&engine_lock);
	}
	return err ? err : visor_engine_bpf(v, cmd, attr, size);
}

VISOR_EXPORT int visor_unpin(struct visor *v, const char *path)
{
	return store_unpin(v, path);
}

VISOR_EXPORT int visor_state_default(char *path, size_t size)
{
	const char *run = getenv("XDG_RUNTIME_DIR");
	int n;

	if (run && run[0] == '/')
		n = snprintf(path, size, "%s/visor", run);
	else
		n = snprintf(path, size, "/dev/shm/visor-%u", (unsigned)getuid());
	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}
