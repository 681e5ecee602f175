/* SPDX-License-Identifier: BSD-2-Clause */
/* cli/fields.c - the two shapes in which a command prints objects. */
#include "cli/fields.h"

#include <errno.h>
#include <inttypes.h>

void fields_begin(struct fields *f, const struct cli *cli)
{
	f->as_json = cli->opt[OPT_JSON] != NULL;
	json_init(&f->json, stdout);
	if (f->as_json)
		json_object(&f->json, NULL);
}

static void fields_label(const char *key)
{
	int n = printf("%s:", key);

	printf("%*s", n < 16 ? 16 - n : 1, "");
}

void fields_str(struct fields *f, const char *key, const char *value)
{
	if (f->as_json) {
		json_str(&f->json, key, value);
		return;
	}
	fields_label(key);
	for (; *value; value++)
		putchar((unsigned char)*value < 0x20 || *value == 0x7f ? '?' : *value);
	putchar('\n');
}

void fields_u64(struct fields *f, const char *key, uint64_t value)
{
	if (f->as_json) {
		json_u64(&f->json, key, value);
		return;
	}
	fields_label(key);
	printf("%" PRIu64 "\n", value);
}

void fields_bool(struct fields *f, const char *key, bool value)
{
	if (f->as_json)
		json_bool(&f->json, key, value);
	else
		fields_str(f, key, value ? "yes" : "no");
}

void fields_ids(struct fields *f, const char *key, const uint32_t *ids, uint32_t n)
{
	uint32_t i;

	if (f->as_json) {
		json_array(&f->json, key);
		for (i = 0; i < n; i++)
			json_u64(&f->json, NULL, ids[i]);
		json_array_end(&f->json);
		return;
	}
	fields_label(key);
	for (i = 0; i < n; i++)
		printf("%s%u", i ? ", " : "", ids[i]);
	putchar('\n');
}

void fields_end(struct fields *f)
{
	if (f->as_json)
		json_object_end(&f->json);
}

int cli_print_table(const struct cli *cli, const struct table *t)
{
	struct json j;
	int err;

	json_init(&j, stdout);
	err = !t		   ? -ENOMEM
	      : cli->opt[OPT_JSON] ? table_print_json(t, &j, NULL)
				   : table_print(t, stdout, cli->color);
	return err ? cli_error(err, NULL, "cannot print the list") : CLI_OK;
}
