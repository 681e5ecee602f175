/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * catalog/since.h - which Linux release a program needs for what it uses: since.def as functions.
 *
 * Releases are numbers that can be compared. Constant, any thread.
 */
#ifndef CATALOG_SINCE_H
#define CATALOG_SINCE_H

#include "catalog/catalog.h"

#define SINCE(major, minor)  ((uint32_t)(major) << 8 | (uint32_t)(minor))
#define SINCE_MAJOR(release) ((release) >> 8)
#define SINCE_MINOR(release) ((release)&255)

enum since_feature {
#define SINCE_FEATURE(id, major, minor, text) FEATURE_##id,
#include "catalog/since.def"
	FEATURE_COUNT
};

/* 0: not a helper, map type or program type of Linux 6.18. */
uint32_t since_helper(uint32_t id);
uint32_t since_map(uint32_t type);
uint32_t since_prog(uint32_t type);
uint32_t since_feature(enum since_feature feature, const char **text);

#endif
