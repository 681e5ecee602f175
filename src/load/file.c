/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load/file.c - the search for modules, their versions, and files as bytes.
 *
 * A file's name is only looked at where it was found by searching: /tmp/x-3.o may hold anything.
 */
#include "load/file.h"
#include "load/capture.h"
#include "load/check.h"

#include <bpf/libbpf.h>

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define VERSION_PARTS  4
#define VERSION_DIGITS 9 /* of a number: fits 32 bits */

/* ---- versions ------------------------------------------------------------------------------ */

/* The numbers of a version; how many, or -1. */
static int version_parse(const char *text, size_t len, uint32_t parts[VERSION_PARTS])
{
	size_t at = 0, digits;

	for (int n = 0; n < VERSION_PARTS; n++) {
		parts[n] = 0;
		for (digits = 0; at < len && text[at] >= '0' && text[at] <= '9'; at++, digits++) {
			if (digits == VERSION_DIGITS)
				return -1;
			parts[n] = parts[n] * 10 + (uint32_t)(text[at] - '0');
		}
		if (!digits)
			return -1;
		if (at == len)
			return n + 1;
		if (text[at++] != '.')
			return -1;
	}
	return -1;
}

bool load_version_valid(const char *text, size_t len)
{
	uint32_t parts[VERSION_PARTS];

	return version_parse(text, len, parts) > 0;
}

int load_version_compare(const char *a, const char *b)
{
	uint32_t x[VERSION_PARTS], y[VERSION_PARTS];
	int n = version_parse(a, strlen(a), x), m = version_parse(b, strlen(b), y);

	for (int i = 0; i < MIN(n, m); i++)
		if (x[i] != y[i])
			return x[i] < y[i] ? -1 : 1;
	return n < m ? -1 : n > m;
}

bool load_version_within(const char *version, const char *wanted)
{
	uint32_t x[VERSION_PARTS], y[VERSION_PARTS];
	int n = version_parse(version, strlen(version), x);
	int m = version_parse(wanted, strlen(wanted), y);

	if (!*wanted)
		return true;
	for (int i = 0; i < m; i++)
		if (i >= n || x[i] != y[i])
			return false;
	return m > 0;
}

/* ---- folders ------------------------------------------------------------------------------- */

void load_program_folder(char out[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", out, PATH_MAX - 1);
	char *slash;

	out[MAX(n, 0)] = '\0';
	slash = strrchr(out, '/');
	if (slash)
		*slash = '\0';
}

int load_folders(int (*each)(void *user, const char *folder), void *user)
{
	static const char *const beside[] = {"modules", "../" VISOR_LIBDIR "/visor/modules"};
	const char *at = getenv("VISOR_MODULE_PATH");
	char folder[PATH_MAX], dir[PATH_MAX + 64];
	int err = 0;

	for (; !err && at && *at; at += strcspn(at, ":"), at += *at == ':') {
		size_t len = strcspn(at, ":");

		if (len && len < sizeof(dir)) {
			memcpy(dir, at, len);
			dir[len] = '\0';
			err = each(user, dir);
		}
	}
	load_program_folder(folder);
	for (size_t i = 0; !err && i < ARRAY_SIZE(beside); i++) {
		snprintf(dir, sizeof(dir), "%s/%s", folder, beside[i]);
		err = each(user, dir);
	}
	return err;
}

bool load_file_split(const char *file, char *name, size_t size, char version[LOAD_VERSION_MAX])
{
	size_t len = strlen(file);
	const char *dash;

	version[0] = '\0';
	if (len < 3 || strcmp(file + len - 2, ".o") != 0 || len - 2 >= size)
		return false;
	len -= 2;
	snprintf(name, size, "%.*s", (int)len, file);
	dash = strrchr(name, '-');
	if (dash && dash != name && strlen(dash + 1) < LOAD_VERSION_MAX &&
	    load_version_valid(dash + 1, strlen(dash + 1))) {
		snprintf(version, LOAD_VERSION_MAX, "%s", dash + 1);
		name[dash - name] = '\0';
	}
	return true;
}

static int only_objects(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return len > 2 && entry->d_name[0] != '.' && !strcmp(entry->d_name + len - 2, ".o");
}

int load_modules(const char *folder,
		 int (*each)(void *user, const char *path, const char *name, const char *version),
		 void *user)
{
	char path[PATH_MAX], name[128], version[LOAD_VERSION_MAX];
	struct dirent **entries;
	int n = scandir(folder, &entries, only_objects, alphasort), err = 0;
	struct stat st;

	if (n < 0)
		return -errno;
	for (int i = 0; i < n; i++) {
		if (!err && load_file_split(entries[i]->d_name, name, sizeof(name), version) &&
		    snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name) < PATH_MAX &&
		    !stat(path, &st) && S_ISREG(st.st_mode))
			err = each(user, path, name, version);
		free(entries[i]);
	}
	free(entries);
	return err;
}

/* ---- search -------------------------------------------------------------------------------- */

struct search {
	const char *name;
	char wanted[LOAD_VERSION_MAX]; /* "": any */
	char path[PATH_MAX], version[LOAD_VERSION_MAX];
	bool found;
	char there[200]; /* versions that are there, for a message */
	int err;
	struct visor_diag *diag;
};

/* What an object says of its version. -EINVAL with diag if that is no version. */
static int file_version(const uint8_t *data, char out[LOAD_VERSION_MAX], struct visor_diag *diag)
{
	size_t size;
	const char *text = check_section(data, LOAD_VERSION_SECTION, &size);

	out[0] = '\0';
	if (!text)
		return 0;
	if (!size || size > LOAD_VERSION_MAX || memchr(text, '\0', size) != text + size - 1 ||
	    !load_version_valid(text, size - 1))
		return diag_fail(diag, -EINVAL, "open",
				 "its version is not one to four numbers with dots between");
	memcpy(out, text, size);
	return 0;
}

static void search_there(struct search *s, const char *version)
{
	size_t len = strlen(s->there);

	snprintf(s->there + len, sizeof(s->there) - len, "%s%s", len ? ", " : "",
		 *version ? version : "one without a version");
}

static int search_file(void *user, const char *path, const char *name, const char *version)
{
	struct search *s = user;
	char own[LOAD_VERSION_MAX];
	const char *base = strrchr(path, '/') + 1;
	uint8_t *data;
	size_t size;

	/* A module may be called like another's version: acl-2, in acl-2.o. */
	if (!strncmp(base, s->name, strlen(s->name)) && !strcmp(base + strlen(s->name), ".o"))
		version = "";
	else if (strcmp(name, s->name) != 0)
		return 0;
	if (!*version && !check_read(path, &data, &size, NULL)) {
		if (!file_version(data, own, NULL))
			version = own;
		free(data);
	}
	search_there(s, version);
	if (!load_version_within(version, s->wanted) ||
	    (s->found && load_version_compare(version, s->version) <= 0))
		return 0;
	s->found = true;
	snprintf(s->path, sizeof(s->path), "%s", path);
	snprintf(s->version, sizeof(s->version), "%s", version);
	return 0;
}

static int search_folder(void *user, const char *folder)
{
	struct search *s = user;

	/* Folders need not be there. */
	load_modules(folder, search_file, s);
	return s->found;
}

static int search_none(const struct search *s, struct visor_diag *diag)
{
	if (!s->there[0]) {
		diag_fail(diag, -ENOENT, "open", "there is no module '%s'", s->name);
		diag_hint(diag, "give the object's path, or its folder in VISOR_MODULE_PATH");
	} else {
		diag_fail(diag, -ENOENT, "open", "there is no version %s of module '%s'", s->wanted,
			  s->name);
		diag_hint(diag, "there is %s", s->there);
	}
	return -ENOENT;
}

/* The path of an object, and the version that a search promised ("": none). */
static int file_find(const char *object, char path[PATH_MAX], char version[LOAD_VERSION_MAX],
		     struct visor_diag *diag)
{
	const char *at = strchr(object, '@');
	struct search s = {0};
	char name[128];
	struct stat st;
	size_t len = at ? (size_t)(at - object) : strlen(object);

	version[0] = '\0';
	if (strchr(object, '/') || (!at && strchr(object, '.')) || !stat(object, &st) ||
	    len >= sizeof(name)) {
		if (snprintf(path, PATH_MAX, "%s", object) >= PATH_MAX)
			return diag_fail(diag, -ENAMETOOLONG, "open", "the path is too long");
		return 0;
	}
	if (at &&
	    (strlen(at + 1) >= sizeof(s.wanted) || !load_version_valid(at + 1, strlen(at + 1)))) {
		diag_fail(diag, -EINVAL, "open", "'%s' is no version", at + 1);
		diag_hint(diag, "NAME@VERSION has one to four numbers with dots between: acl@1.2");
		return -EINVAL;
	}
	snprintf(name, sizeof(name), "%.*s", (int)len, object);
	s.name = name;
	snprintf(s.wanted, sizeof(s.wanted), "%s", at ? at + 1 : "");
	load_folders(search_folder, &s);
	if (!s.found)
		return search_none(&s, diag);
	memcpy(path, s.path, sizeof(s.path));
	memcpy(version, s.version, sizeof(s.version));
	return 0;
}

/* ---- files --------------------------------------------------------------------------------- */

/* The module's name, from a path: without the version that the object has, and endings. */
static void file_name(struct load_file *f)
{
	const char *base = strrchr(f->path, '/');
	char found[LOAD_VERSION_MAX];

	base = base ? base + 1 : f->path;
	if (!load_file_split(base, f->name, sizeof(f->name), found) ||
	    (*found && strcmp(found, f->version) != 0))
		snprintf(f->name, sizeof(f->name), "%.*s", (int)(sizeof(f->name) - 1), base);
	f->name[strcspn(f->name, ".")] = '\0';
}

int load_file_read(const char *object, struct load_file *out, struct visor_diag *diag)
{
	char promised[LOAD_VERSION_MAX];
	int err;

	out->data = NULL;
	err = file_find(object, out->path, promised, diag);
	if (err)
		return err;
	err = check_read(out->path, &out->data, &out->size, diag);
	if (!err)
		err = file_version(out->data, out->version, diag);
	if (!err && *promised && *out->version && strcmp(promised, out->version) != 0)
		err = diag_fail(diag, -EINVAL, "open",
				"the file's name says version %s, the object says %s", promised,
				out->version);
	if (err) {
		diag_at(diag, "%s", out->path);
		load_file_free(out);
		return err;
	}
	if (!*out->version)
		memcpy(out->version, promised, sizeof(promised));
	file_name(out);
	return 0;
}

int load_file_open(const struct load_file *f, struct bpf_object **out, struct visor_diag *diag)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = f->name);
	struct capture c;
	int err;

	capture_start(&c);
	*out = bpf_object__open_mem(f->data, f->size, &opts);
	err = *out ? 0 : capture_errno(-errno);
	capture_stop();
	if (err) {
		diag_fail(diag, err, "open", "%s",
			  c.first[0] ? c.first : "not a BPF object file that libbpf can read");
		diag_at(diag, "%s", f->path);
	}
	return err;
}

void load_file_free(struct load_file *f)
{
	free(f->data);
	f->data = NULL;
}
