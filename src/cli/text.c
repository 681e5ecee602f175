/* SPDX-License-Identifier: BSD-2-Clause */
/* cli/text.c - inputs of unknown size, read up to a limit; hex text. */
#include "cli/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

int text_read(const char *path, size_t limit, char **out, size_t *size, struct visor_diag *diag)
{
	bool standard = !strcmp(path, "-");
	int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	size_t n = 0, room = 0;
	char *text = NULL, *more;
	ssize_t got = 0;
	int err = 0;

	if (fd < 0) {
		err = diag_fail(diag, -errno, "read", "cannot open");
		goto out;
	}
	do {
		if (room - n < 2) {
			room = room ? 2 * room : 16384;
			more = realloc(text, room);
			if (!more) {
				err = diag_fail(diag, -ENOMEM, "read", "no memory for the content");
				goto out;
			}
			text = more;
		}
		got = read(fd, text + n, room - n - 1);
		if (got < 0 && errno != EINTR) {
			err = diag_fail(diag, -errno, "read", "cannot read");
			goto out;
		}
		n += got > 0 ? (size_t)got : 0;
		if (n > limit) {
			err = diag_fail(diag, -EFBIG, "read", "more than %zu bytes", limit);
			goto out;
		}
	} while (got);
	text[n] = '\0';
	*out = text;
	*size = n;
	text = NULL;
out:
	if (err)
		diag_in(diag, "%s", standard ? "standard input" : path);
	if (fd >= 0 && !standard)
		close(fd);
	free(text);
	return err;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

/* Steps over what may stand between bytes. */
static const char *hex_skip(const char *p, const char *end)
{
	while (p < end) {
		if (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r' || *p == ',')
			p++;
		else if (*p == '#' || (end - p > 1 && p[0] == '/' && p[1] == '/'))
			while (p < end && *p != '\n')
				p++;
		else if (end - p > 2 && p[0] == '0' && (p[1] == 'x' || p[1] == 'X'))
			p += 2;
		else
			break;
	}
	return p;
}

int text_hex(const char *text, size_t len, uint8_t **out, size_t *size, struct visor_diag *diag)
{
	const char *p = text, *end = text + len, *q;
	uint8_t *bytes = malloc(len / 2 + 1);
	size_t n = 0;
	int line = 1, col = 1;

	if (!bytes)
		return diag_fail(diag, -ENOMEM, "parse", "no memory for the bytes");
	for (p = hex_skip(p, end); p < end; p = hex_skip(p, end)) {
		if (end - p < 2 || hex_digit(p[0]) < 0 || hex_digit(p[1]) < 0)
			goto bad;
		bytes[n++] = (uint8_t)(hex_digit(p[0]) << 4 | hex_digit(p[1]));
		p += 2;
	}
	*out = bytes;
	*size = n;
	return 0;
bad:
	for (q = text; q < p; q++) {
		col = *q == '\n' ? 1 : col + 1;
		line += *q == '\n';
	}
	free(bytes);
	if (end - p == 1 && hex_digit(*p) >= 0)
		diag_fail(diag, -EINVAL, "parse", "half a byte: hex digits come in pairs");
	else
		diag_fail(diag, -EINVAL, "parse", "these are no two hex digits");
	diag_at(diag, "%d:%d", line, col);
	return -EINVAL;
}

bool text_is_hex(const char *text, size_t len)
{
	uint8_t *bytes;
	size_t n;

	if (text_hex(text, len, &bytes, &n, NULL))
		return false;
	free(bytes);
	return n > 0;
}

char *text_to_hex(const void *bytes, size_t size)
{
	const uint8_t *p = bytes;
	char *text = malloc(2 * size + 1);
	size_t i;

	for (i = 0; text && i < size; i++)
		snprintf(text + 2 * i, 3, "%02x", p[i]);
	if (text)
		text[2 * size] = '\0';
	return text;
}
