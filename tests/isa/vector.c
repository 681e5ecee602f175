/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/isa/vector.c - reads conformance vectors. Every line is either in a known section or an
 * error, so that a vector is never half understood. */
#include "vector.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

enum section { NONE, ASM, RAW, MEM, RESULT, ERROR, IGNORED };

static const struct {
	const char *title;
	enum section section;
} sections[] = {
	{"asm", ASM},	    {"raw", RAW},     {"mem", MEM},
	{"result", RESULT}, {"error", ERROR}, {"no register offset", IGNORED},
	{"c", IGNORED},
};

/* The section whose title follows "--", or NONE. */
static enum section vector_section(const char *line)
{
	line += 2 + strspn(line + 2, " \t");
	for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
		size_t len = strlen(sections[i].title);

		if (!strncmp(line, sections[i].title, len) &&
		    strspn(line + len, " \t\r\n:") == strlen(line + len))
			return sections[i].section;
	}
	return NONE;
}

static int vector_raw(struct vector *v, const char *line)
{
	char *end;

	for (;;) {
		struct bpf_insn *grown;
		uint64_t word = strtoull(line, &end, 0);

		if (end == line)
			return line[strspn(line, " \t\r\n")] && *line != '#' ? -EINVAL : 0;
		grown = realloc(v->insns, (v->n_insns + 1) * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		v->insns = grown;
		memcpy(&v->insns[v->n_insns++], &word, sizeof(word));
		line = end;
	}
}

static int vector_mem(struct vector *v, const char *line)
{
	char *end;

	for (;;) {
		uint8_t *grown;
		unsigned long byte = strtoul(line, &end, 16);

		if (end == line)
			return line[strspn(line, " \t\r\n")] ? -EINVAL : 0;
		if (byte > 255)
			return -EINVAL;
		grown = realloc(v->mem, v->mem_len + 1);
		if (!grown)
			return -ENOMEM;
		v->mem = grown;
		v->mem[v->mem_len++] = (uint8_t)byte;
		line = end;
	}
}

static int vector_line(struct vector *v, enum section section, char *line, FILE *text)
{
	char *end;

	if (section == ASM)
		return fputs(line, text) < 0 ? -ENOMEM : 0;
	line[strcspn(line, "\r\n")] = '\0';
	if (!line[strspn(line, " \t")] || (section == NONE && *line == '#'))
		return 0;
	switch (section) {
	case RAW:
		return vector_raw(v, line);
	case MEM:
		return vector_mem(v, line);
	case RESULT:
		v->result = strtoull(line, &end, 0);
		v->has_result = true;
		return end == line || end[strspn(end, " \t")] ? -EINVAL : 0;
	case ERROR:
		snprintf(v->error, sizeof(v->error), "%s", line);
		return 0;
	case IGNORED:
		return 0;
	default:
		return -EINVAL;
	}
}

/* Assembles the asm section; without a raw section it is the program. */
static int vector_assemble(struct vector *v, struct visor_diag *diag)
{
	int err;

	v->has_raw = v->n_insns > 0;
	if (v->text[0]) {
		err = isa_assemble(v->text, strlen(v->text), NULL, &v->assembled, &v->n_assembled,
				   diag);
		if (err && !v->has_raw)
			return err;
	}
	if (!v->has_raw && v->assembled) {
		v->insns = malloc(v->n_assembled * sizeof(*v->insns));
		if (!v->insns)
			return -ENOMEM;
		memcpy(v->insns, v->assembled, v->n_assembled * sizeof(*v->insns));
		v->n_insns = v->n_assembled;
	}
	if (!v->n_insns)
		return diag_fail(diag, -EINVAL, "vector", "no asm and no raw section");
	if (!v->has_result && !v->error[0])
		return diag_fail(diag, -EINVAL, "vector", "no result and no error section");
	return 0;
}

int vector_load(const char *path, struct vector *v, struct visor_diag *diag)
{
	const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	enum section section = NONE;
	char *line = NULL;
	size_t line_size = 0, text_size = 0;
	FILE *f = fopen(path, "r"), *text;
	int err = 0, n = 0;

	*v = (struct vector){0};
	if (!f)
		return diag_fail(diag, -errno, "vector", "cannot open %s", path);
	snprintf(v->name, sizeof(v->name), "%.*s", (int)strcspn(base, "."), base);
	text = open_memstream(&v->text, &text_size);
	if (!text) {
		fclose(f);
		return diag_fail(diag, -ENOMEM, "vector", "out of memory");
	}
	while (!err && getline(&line, &line_size, f) >= 0) {
		n++;
		if (!strncmp(line, "--", 2)) {
			section = vector_section(line);
			err = section == NONE ? -EINVAL : 0;
		} else {
			err = vector_line(v, section, line, text);
		}
	}
	if (err)
		diag_fail(diag, err, "vector", "cannot understand the line");
	free(line);
	fclose(f);
	if (fclose(text) && !err)
		err = diag_fail(diag, -ENOMEM, "vector", "out of memory");
	if (!err)
		err = vector_assemble(v, diag);
	if (err) {
		diag_in(diag, "%s:%d", base, n);
		vector_free(v);
	}
	return err;
}

void vector_free(struct vector *v)
{
	free(v->insns);
	free(v->assembled);
	free(v->text);
	free(v->mem);
	*v = (struct vector){0};
}

int vector_each(int (*each)(const struct vector *v, void *user), void *user,
		struct visor_diag *diag)
{
	const char *data = getenv("VISOR_DATA");
	char pattern[4096];
	int err = 0, n = 0;
	glob_t g;

	snprintf(pattern, sizeof(pattern), "%s/isa/*.data", data ? data : ".");
	if (glob(pattern, 0, NULL, &g))
		return diag_fail(diag, -ENOENT, "vector", "no files match %s", pattern);
	for (size_t i = 0; i < g.gl_pathc && !err; i++) {
		struct vector v;

		err = vector_load(g.gl_pathv[i], &v, diag);
		if (!err) {
			err = each(&v, user);
			vector_free(&v);
			n++;
		}
	}
	globfree(&g);
	return err ? err : n;
}
