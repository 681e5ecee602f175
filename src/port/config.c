/* SPDX-License-Identifier: BSD-2-Clause */
/* port/config.c - the tables of kinds and options, and settings by name. */
#include <ctype.h>
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "port/kind.h"

static const struct port_kind port_kinds[] = {
#define KIND(name_, type_, field, min_, max_, help_) \
	{.name = #name_,                             \
	 .help = help_,                              \
	 .type = PORT_##type_,                       \
	 .off = offsetof(struct port_config, field), \
	 .min = min_,                                \
	 .max = max_,                                \
	 .ops = &port_ops_##name_},
	PORT_KINDS(KIND)
#undef KIND
};

struct port_option {
	const char *kind, *name, *help;
	enum port_type type;
	uint16_t off;
	uint64_t fallback, min, max;
	const char *choices[6];
};

static const struct port_option port_options[] = {
#define OPTION(kind_, name_, type_, fallback_, min_, max_, help_) \
	{.kind = #kind_,                                          \
	 .name = #name_,                                          \
	 .help = help_,                                           \
	 .type = PORT_##type_,                                    \
	 .off = offsetof(struct port_config, name_),              \
	 .fallback = fallback_,                                   \
	 .min = min_,                                             \
	 .max = max_},
#define CHOICE(kind_, name_, help_, ...)             \
	{.kind = #kind_,                             \
	 .name = #name_,                             \
	 .help = help_,                              \
	 .type = PORT_CHOICE,                        \
	 .off = offsetof(struct port_config, name_), \
	 .choices = {__VA_ARGS__}},
	PORT_OPTIONS(OPTION, CHOICE)
#undef OPTION
#undef CHOICE
};

static void *config_field(struct port_config *cfg, uint16_t off)
{
	return (char *)cfg + off;
}

void port_config_init(struct port_config *cfg)
{
	memset(cfg, 0, sizeof(*cfg));
	for (size_t i = 0; i < ARRAY_SIZE(port_options); i++)
		*(uint64_t *)config_field(cfg, port_options[i].off) = port_options[i].fallback;
}

void port_config_free(struct port_config *cfg)
{
	free(cfg->path_in);
	free(cfg->path_out);
	free(cfg->device);
	cfg->path_in = cfg->path_out = cfg->device = NULL;
}

static const struct port_kind *config_kind(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(port_kinds); i++)
		if (!strcmp(port_kinds[i].name, name))
			return &port_kinds[i];
	return NULL;
}

bool port_is_kind(const char *name)
{
	return config_kind(name) != NULL;
}

const char *port_config_choice(const struct port_config *cfg, const char *option)
{
	for (size_t i = 0; i < ARRAY_SIZE(port_options); i++) {
		const struct port_option *o = &port_options[i];
		uint64_t value;

		if (o->type != PORT_CHOICE || strcmp(o->name, option) != 0)
			continue;
		memcpy(&value, (const char *)cfg + o->off, sizeof(value));
		return value < ARRAY_SIZE(o->choices) && o->choices[value] ? o->choices[value] : "";
	}
	return "";
}

static int config_number(const char *name, const char *value, uint64_t min, uint64_t max,
			 uint64_t *out, struct visor_diag *diag)
{
	char *end;

	errno = 0;
	*out = strtoull(value, &end, 10);
	if (!isdigit((unsigned char)value[0]) || *end)
		return diag_fail(diag, -EINVAL, "parse", "%s: '%s' is not a number", name, value);
	if (errno || *out < min || *out > max)
		return diag_fail(diag, -ERANGE, "parse", "%s: %s is not in %llu..%llu", name, value,
				 (unsigned long long)min, (unsigned long long)max);
	return 0;
}

static int config_path(const char *name, const char *value, char **out, struct visor_diag *diag)
{
	if (!value[0])
		return diag_fail(diag, -EINVAL, "parse", "%s: the file's name is missing", name);
	free(*out);
	*out = strdup(value);
	return *out ? 0 : diag_fail(diag, -ENOMEM, "parse", "no memory");
}

/* The names that the kernel gives a device. */
static int config_device(const char *name, const char *value, char **out, struct visor_diag *diag)
{
	size_t len = strlen(value);

	for (size_t i = 0; i < len; i++)
		if (value[i] == '/' || value[i] == ':' || isspace((unsigned char)value[i]))
			len = IFNAMSIZ;
	if (!len || len >= IFNAMSIZ || !strcmp(value, ".") || !strcmp(value, ".."))
		return diag_fail(diag, -EINVAL, "parse", "%s: '%s' cannot be a device's name", name,
				 value);
	free(*out);
	*out = strdup(value);
	return *out ? 0 : diag_fail(diag, -ENOMEM, "parse", "no memory");
}

static int config_set_kind(struct port_config *cfg, const struct port_kind *kind, const char *value,
			   struct visor_diag *diag)
{
	void *field = config_field(cfg, kind->off);

	if (kind->ops->receive && cfg->source)
		return diag_fail(diag, -EINVAL, "parse", "'%s' and '%s': a port has one source",
				 cfg->source->name, kind->name);
	if (kind->ops->send && cfg->sink)
		return diag_fail(diag, -EINVAL, "parse", "'%s' and '%s': a port has one sink",
				 cfg->sink->name, kind->name);
	if (kind->ops->receive)
		cfg->source = kind;
	if (kind->ops->send)
		cfg->sink = kind;
	if (kind->type == PORT_PATH)
		return config_path(kind->name, value, field, diag);
	if (kind->type == PORT_DEVICE)
		return config_device(kind->name, value, field, diag);
	if (kind->type == PORT_NUMBER)
		return config_number(kind->name, value, kind->min, kind->max, field, diag);
	return 0;
}

static int config_unknown(const struct port_config *cfg, const char *name, struct visor_diag *diag)
{
	const char *best = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(port_options); i++)
		if (!strcmp(port_options[i].name, name))
			best = port_options[i].kind;
	if (best)
		return diag_fail(diag, -EINVAL, "parse", "option '%s' belongs to '%s'", name, best);
	diag_fail(diag, -EINVAL, "parse", "unknown option '%s' of a port", name);
	if (diag) {
		size_t len = 0;

		len = (size_t)snprintf(diag->hint, sizeof(diag->hint), "there are:");
		for (size_t i = 0; i < ARRAY_SIZE(port_kinds) && len < sizeof(diag->hint); i++)
			len += (size_t)snprintf(diag->hint + len, sizeof(diag->hint) - len, " %s,",
						port_kinds[i].name);
		for (size_t i = 0; i < ARRAY_SIZE(port_options) && len < sizeof(diag->hint); i++)
			len += (size_t)snprintf(diag->hint + len, sizeof(diag->hint) - len, "%s %s",
						i ? "," : "", port_options[i].name);
	}
	return -EINVAL;
}

int port_config_set(struct port_config *cfg, const char *name, const char *value,
		    struct visor_diag *diag)
{
	const struct port_kind *kind = config_kind(name);

	if (kind)
		return config_set_kind(cfg, kind, value, diag);
	for (size_t i = 0; i < ARRAY_SIZE(port_options); i++) {
		const struct port_option *o = &port_options[i];
		uint64_t *field = config_field(cfg, o->off);

		if (strcmp(o->name, name))
			continue;
		if (strcmp(o->kind, "port") &&
		    (!cfg->source || strcmp(o->kind, cfg->source->name)) &&
		    (!cfg->sink || strcmp(o->kind, cfg->sink->name)))
			continue;
		if (o->type == PORT_NUMBER)
			return config_number(name, value, o->min, o->max, field, diag);
		for (*field = 0; *field < ARRAY_SIZE(o->choices) && o->choices[*field]; ++*field)
			if (!strcmp(o->choices[*field], value))
				return 0;
		*field = 0;
		if (o->choices[2])
			return diag_fail(diag, -EINVAL, "parse", "%s: '%s' is none of %s, %s, %s",
					 name, value, o->choices[0], o->choices[1], o->choices[2]);
		return diag_fail(diag, -EINVAL, "parse", "%s: '%s' is neither %s nor %s", name,
				 value, o->choices[0], o->choices[1]);
	}
	return config_unknown(cfg, name, diag);
}

static bool config_same_file(const char *a, const char *b)
{
	struct stat x, y;

	if (!a || !b || !strcmp(a, "-") || !strcmp(b, "-"))
		return false;
	if (!strcmp(a, b))
		return strncmp(a, "/dev/", 5) != 0;
	return !stat(a, &x) && !stat(b, &y) && S_ISREG(x.st_mode) && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

bool port_config_clash(const struct port_config *sink, const struct port_config *other)
{
	if (config_same_file(sink->path_out, other->path_in))
		return true;
	return sink != other && config_same_file(sink->path_out, other->path_out);
}
