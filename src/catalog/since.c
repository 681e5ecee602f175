/* SPDX-License-Identifier: BSD-2-Clause */
/* catalog/since.c - the table of releases, expanded. */
#include "catalog/since.h"

static const struct {
	uint32_t last, release;
} since_helpers[] = {
#define SINCE_HELPERS(last, major, minor) {BPF_FUNC_##last, SINCE(major, minor)},
#include "catalog/since.def"
};

static const struct {
	uint32_t type, release;
} since_maps[] =
	{
#define SINCE_MAP(id, major, minor) {BPF_MAP_TYPE_##id, SINCE(major, minor)},
#include "catalog/since.def"
},
  since_progs[] = {
#define SINCE_PROG(id, major, minor) {BPF_PROG_TYPE_##id, SINCE(major, minor)},
#include "catalog/since.def"
};

static const struct {
	uint32_t release;
	const char *text;
} since_features[FEATURE_COUNT] = {
#define SINCE_FEATURE(id, major, minor, text) {SINCE(major, minor), text},
#include "catalog/since.def"
};

uint32_t since_helper(uint32_t id)
{
	for (size_t i = 0; id && i < ARRAY_SIZE(since_helpers); i++)
		if (id <= since_helpers[i].last)
			return since_helpers[i].release;
	return 0;
}

uint32_t since_map(uint32_t type)
{
	for (size_t i = 0; i < ARRAY_SIZE(since_maps); i++)
		if (since_maps[i].type == type)
			return since_maps[i].release;
	return 0;
}

uint32_t since_prog(uint32_t type)
{
	for (size_t i = 0; i < ARRAY_SIZE(since_progs); i++)
		if (since_progs[i].type == type)
			return since_progs[i].release;
	return 0;
}

uint32_t since_feature(enum since_feature feature, const char **text)
{
	*text = since_features[feature].text;
	return since_features[feature].release;
}
