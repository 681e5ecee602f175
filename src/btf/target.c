/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * btf/target.c - the types of the kernel that programs are written for.
 *
 * vmlinux is opened at once; modules, which few programs need, when first asked for. A module
 * whose BTF cannot be read is as one that is not loaded.
 */
#include "btf/btf.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define TARGET_RUNNING "/sys/kernel/btf"
#define TARGET_SYMBOLS "/proc/kallsyms"

struct btf_target {
	uint32_t refs;
	const struct btf *vmlinux;
	char *folder; /* NULL: no modules */
	pthread_mutex_t lock;
	bool loaded; /* the modules; read with acquire */
	const struct btf **modules;
	uint32_t n_modules;
	char *symbols_path; /* NULL: not known */
	bool symbols_loaded;
	char *text;	      /* of names, each with a NUL, */
	const char **symbols; /* which are sorted here */
	size_t n_symbols;
};

int btf_target_new(const struct btf *vmlinux, struct btf_target **out)
{
	struct btf_target *t = calloc(1, sizeof(*t));

	*out = t;
	if (!t)
		return -ENOMEM;
	t->refs = 1;
	t->vmlinux = btf_ref(vmlinux);
	pthread_mutex_init(&t->lock, NULL);
	return 0;
}

int btf_target_open(const char *path, struct btf_target **out, struct visor_diag *diag)
{
	const char *folder = path ? path : TARGET_RUNNING;
	char file[4096];
	struct btf *btf;
	struct stat st;
	bool is_folder;
	int err;

	*out = NULL;
	is_folder = !stat(folder, &st) && S_ISDIR(st.st_mode);
	if (snprintf(file, sizeof(file), is_folder ? "%s/vmlinux" : "%s", folder) >=
	    (int)sizeof(file))
		return diag_fail(diag, -ENAMETOOLONG, "btf", "the path is too long");
	err = btf_open(file, NULL, "vmlinux", BTF_KERNEL, &btf, diag);
	if (err)
		return err;
	err = btf_target_new(btf, out);
	btf_unref(btf);
	if (!err && !path)
		err = btf_target_set_symbols(*out, TARGET_SYMBOLS);
	if (!err && is_folder) {
		(*out)->folder = strdup(folder);
		err = (*out)->folder ? 0 : -ENOMEM;
	}
	if (err) {
		btf_target_unref(*out);
		*out = NULL;
		return diag_fail(diag, err, "btf", "out of memory");
	}
	return 0;
}

int btf_target_set_modules(struct btf_target *t, const char *folder)
{
	char *copy = folder ? strdup(folder) : NULL;

	if (folder && !copy)
		return -ENOMEM;
	free(t->folder);
	t->folder = copy;
	return 0;
}

const struct btf_target *btf_target_ref(const struct btf_target *t)
{
	__atomic_add_fetch(&((struct btf_target *)t)->refs, 1, __ATOMIC_RELAXED);
	return t;
}

void btf_target_unref(const struct btf_target *constant)
{
	struct btf_target *t = (struct btf_target *)constant;

	if (!t || __atomic_sub_fetch(&t->refs, 1, __ATOMIC_ACQ_REL))
		return;
	for (uint32_t i = 0; i < t->n_modules; i++)
		btf_unref(t->modules[i]);
	free(t->modules);
	btf_unref(t->vmlinux);
	pthread_mutex_destroy(&t->lock);
	free(t->folder);
	free(t->symbols_path);
	free(t->text);
	free(t->symbols);
	free(t);
}

int btf_target_set_symbols(struct btf_target *t, const char *path)
{
	char *copy = path ? strdup(path) : NULL;

	if (path && !copy)
		return -ENOMEM;
	free(t->symbols_path);
	t->symbols_path = copy;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Lines "ADDRESS TYPE NAME[\tMODULE]". Without memory or a file, symbols stay unknown. */
static void symbols_load(struct btf_target *t)
{
	FILE *f = fopen(t->symbols_path, "re");
	size_t cap = 0, len = 0, used = 0, n = 0;
	char *line = NULL, name[512];

	while (f && getline(&line, &len, f) > 0) {
		if (sscanf(line, "%*s %*s %511s", name) != 1)
			continue;
		if (used + sizeof(name) > cap) {
			char *more = realloc(t->text, cap = cap ? 2 * cap : 1 << 20);

			if (!more)
				break;
			t->text = more;
		}
		used += strlen(strcpy(t->text + used, name)) + 1;
		n++;
	}
	free(line);
	if (f)
		fclose(f);
	t->symbols = n ? calloc(n, sizeof(*t->symbols)) : NULL;
	if (!t->symbols)
		return;
	for (const char *at = t->text; t->n_symbols < n; at += strlen(at) + 1)
		t->symbols[t->n_symbols++] = at;
	qsort(t->symbols, n, sizeof(*t->symbols), by_name);
}

bool btf_target_has_symbol(const struct btf_target *constant, const char *name)
{
	struct btf_target *t = (struct btf_target *)constant;

	if (!t->symbols_path)
		return true;
	pthread_mutex_lock(&t->lock);
	if (!t->symbols_loaded)
		symbols_load(t);
	t->symbols_loaded = true;
	pthread_mutex_unlock(&t->lock);
	return !t->n_symbols ||
	       bsearch(&name, t->symbols, t->n_symbols, sizeof(*t->symbols), by_name);
}

const struct btf *btf_target_vmlinux(const struct btf_target *t)
{
	return t->vmlinux;
}

static int module_name(const struct dirent *e)
{
	return e->d_name[0] != '.' && strcmp(e->d_name, "vmlinux") != 0;
}

static void modules_load(struct btf_target *t)
{
	struct dirent **names = NULL;
	int n = scandir(t->folder, &names, module_name, alphasort);

	t->modules = n > 0 ? calloc((size_t)n, sizeof(*t->modules)) : NULL;
	for (int i = 0; i < n; i++) {
		char path[4096];
		struct btf *btf;

		snprintf(path, sizeof(path), "%s/%s", t->folder, names[i]->d_name);
		if (t->modules &&
		    !btf_open(path, t->vmlinux, names[i]->d_name, BTF_KERNEL, &btf, NULL))
			t->modules[t->n_modules++] = btf;
		free(names[i]);
	}
	free(names);
}

uint32_t btf_target_modules(const struct btf_target *constant)
{
	struct btf_target *t = (struct btf_target *)constant;

	if (!t->folder)
		return 0;
	if (!__atomic_load_n(&t->loaded, __ATOMIC_ACQUIRE)) {
		pthread_mutex_lock(&t->lock);
		if (!t->loaded) {
			modules_load(t);
			__atomic_store_n(&t->loaded, true, __ATOMIC_RELEASE);
		}
		pthread_mutex_unlock(&t->lock);
	}
	return t->n_modules;
}

const struct btf *btf_target_module(const struct btf_target *t, uint32_t i)
{
	return i < btf_target_modules(t) ? t->modules[i] : NULL;
}

int btf_target_find(const struct btf_target *t, const char *name, uint32_t kind,
		    const struct btf **btf, uint32_t *id)
{
	*btf = t->vmlinux;
	*id = btf_find(t->vmlinux, name, kind);
	for (uint32_t i = 0; !*id && i < btf_target_modules(t); i++) {
		*btf = t->modules[i];
		*id = btf_find(t->modules[i], name, kind);
	}
	return *id ? 0 : -ENOENT;
}

/* Length of a name up to the suffix "___flavour", by which programs tell apart several types
 * that stand for one of the kernel's. */
static size_t essential_length(const char *name)
{
	size_t len = strlen(name);

	for (size_t i = len < 5 ? 0 : len - 4; i-- > 0;)
		if (name[i] != '_' && !memcmp(name + i + 1, "___", 3) && name[i + 4] != '_')
			return i + 1;
	return len;
}

static uint32_t count_matches(const struct btf *btf, const char *name, uint32_t kind, uint32_t from,
			      uint32_t *found)
{
	uint32_t n = 0, id = from;

	while ((id = btf_find_next(btf, name, kind, id)))
		if (!n++)
			*found = id;
	return n;
}

int btf_target_match(const struct btf_target *target, const struct btf *btf, uint32_t id,
		     uint32_t *found)
{
	const struct btf_type *t = btf_type(btf, id);
	uint32_t n, in_module = 0;
	const char *full;
	char name[512];
	size_t len;

	*found = 0;
	full = t ? btf_str(btf, t->name_off) : "";
	len = essential_length(full);
	if (!len || len >= sizeof(name))
		return -EINVAL;
	memcpy(name, full, len);
	name[len] = '\0';
	n = count_matches(target->vmlinux, name, btf_type_kind(t), 0, found);
	if (n)
		return n == 1 ? 0 : -ESRCH;
	for (uint32_t i = 0; i < btf_target_modules(target); i++)
		in_module += count_matches(target->modules[i], name, btf_type_kind(t),
					   target->vmlinux->n_types, found);
	return !in_module ? -ENOENT : in_module > 1 ? -ESRCH : -EOPNOTSUPP;
}
