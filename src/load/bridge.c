/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load/bridge.c - a private copy of an object file.
 */
#include "load/bridge.h"
#include "load/check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define BRIDGE_MAX_BYTES (64u << 20)

static int bridge_read(struct bridge *b, int fd, struct visor_diag *diag)
{
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st))
		return diag_fail(diag, -errno, "open", "cannot open the object");
	if (!S_ISREG(st.st_mode))
		return diag_fail(diag, -EINVAL, "open", "not a regular file");
	if (!st.st_size || st.st_size > BRIDGE_MAX_BYTES)
		return diag_fail(diag, -EINVAL, "open", "%s",
				 st.st_size ? "larger than 64 MiB" : "the file is empty");
	b->data = malloc((size_t)st.st_size);
	if (!b->data)
		return diag_fail(diag, -ENOMEM, "open", "out of memory");
	while (b->size < (size_t)st.st_size) {
		n = read(fd, (char *)b->data + b->size, (size_t)st.st_size - b->size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return diag_fail(diag, -errno, "open", "cannot read the object");
		if (!n)
			break;
		b->size += (size_t)n;
	}
	return check_memory(b->data, b->size, diag);
}

int bridge_open(struct bridge *b, const char *path, struct visor_diag *diag)
{
	const char *base = strrchr(path, '/');
	int err, fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	memset(b, 0, sizeof(*b));
	snprintf(b->name, sizeof(b->name), "%s", base ? base + 1 : path);
	b->name[strcspn(b->name, ".")] = '\0';
	if (fd < 0) {
		err = diag_fail(diag, -errno, "open", "cannot open the object");
	} else {
		err = bridge_read(b, fd, diag);
		close(fd);
	}
	if (err) {
		diag_at(diag, "%s", path);
		bridge_close(b);
	}
	return err;
}

void bridge_close(struct bridge *b)
{
	free(b->data);
	b->data = NULL;
	b->size = 0;
}
