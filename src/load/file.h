/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load/file.h - object files by name and version, read once.
 *
 * A module is named by a path, or by its name, with a version if one is wanted:
 *
 *     ./acl.o    modules/acl-1.2.3.o       a path: has a '/' or a '.', or is there
 *     acl        acl@1.2    acl@1.2.3      searched: NAME.o and NAME-VERSION.o
 *
 * Folders are searched in the order of load_folders(): the first that has what is wanted decides,
 * and in it the newest version. A version is one to four numbers; acl@1.2 is any 1.2.x. What an
 * object says of itself (VISOR_VERSION) has to agree with its file's name.
 *
 * Whoever checks a file and then opens it does so with the bytes of one struct load_file. The
 * caller owns it (load_file_free). Nothing is shared: any thread.
 */
#ifndef LOAD_FILE_H
#define LOAD_FILE_H

#include <limits.h>

#include "base/diag.h"

struct bpf_object;

#define LOAD_VERSION_MAX     48
#define LOAD_VERSION_SECTION ".visor.version"

struct load_file {
	char path[PATH_MAX];
	char name[128];			/* of the module: "acl" of acl.o, acl-1.2.3.o, acl.bpf.o */
	char version[LOAD_VERSION_MAX]; /* of the object, or else of the file's name; "": none */
	uint8_t *data;
	size_t size;
};

/* Finds and reads; what is read is fit for libbpf's eyes (load/check.h). */
int load_file_read(const char *object, struct load_file *out, struct visor_diag *diag);
/* Parses it, as load_open() does. The bytes are not needed any more afterwards. */
int load_file_open(const struct load_file *f, struct bpf_object **out, struct visor_diag *diag);
void load_file_free(struct load_file *f);

/* Where modules are searched: VISOR_MODULE_PATH, the build's and the installed folder. `each`
 * returns not 0 to stop, and that is returned. */
int load_folders(int (*each)(void *user, const char *folder), void *user);
/* Every NAME.o in a folder, in the order of the names: path, module's name, and the version that
 * the file's name says ("": none). -errno if the folder cannot be read. */
int load_modules(const char *folder,
		 int (*each)(void *user, const char *path, const char *name, const char *version),
		 void *user);

/* "acl-1.2.3.o": name and version ("": none) of a file; false if its name is no module's. */
bool load_file_split(const char *file, char *name, size_t size, char version[LOAD_VERSION_MAX]);

/* The folder of the running program, or "". */
void load_program_folder(char out[PATH_MAX]);

/* ---- versions ------------------------------------------------------------------------------ */

/* One to four numbers with dots between. */
bool load_version_valid(const char *text, size_t len);
/* < 0, 0, > 0; "" is older than any. */
int load_version_compare(const char *a, const char *b);
/* "1.2.3" is within "1", "1.2", "1.2.3" and "". */
bool load_version_within(const char *version, const char *wanted);

#endif
