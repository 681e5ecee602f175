/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load/bridge.h - an object file, copied and made readable for the libbpf at hand.
 *
 * Files are hostile; what is in a bridge has been checked (load/check.h). The caller owns it.
 */
#ifndef LOAD_BRIDGE_H
#define LOAD_BRIDGE_H

#include "base/diag.h"

struct bridge {
	void *data;
	size_t size;
	char name[64]; /* of the object, from its path */
};

int bridge_open(struct bridge *b, const char *path, struct visor_diag *diag);
void bridge_close(struct bridge *b);

#endif
