/* SPDX-License-Identifier: BSD-2-Clause */
/* base/diag.c - filling and printing a diagnostic. Text that does not fit is cut, never an error.
 */
#include "base/diag.h"

#include <stdarg.h>

int diag_fail(struct visor_diag *diag, int err, const char *stage, const char *fmt, ...)
{
	va_list ap;

	if (!diag)
		return err;
	memset(diag, 0, sizeof(*diag));
	diag->err = err;
	snprintf(diag->stage, sizeof(diag->stage), "%s", stage);
	va_start(ap, fmt);
	vsnprintf(diag->text, sizeof(diag->text), fmt, ap);
	va_end(ap);
	return err;
}

void diag_at(struct visor_diag *diag, const char *fmt, ...)
{
	va_list ap;

	if (!diag || diag->place[0])
		return;
	va_start(ap, fmt);
	vsnprintf(diag->place, sizeof(diag->place), fmt, ap);
	va_end(ap);
}

void diag_in(struct visor_diag *diag, const char *fmt, ...)
{
	char outer[sizeof(diag->place)], both[2 * sizeof(diag->place) + 2];
	va_list ap;

	if (!diag)
		return;
	va_start(ap, fmt);
	vsnprintf(outer, sizeof(outer), fmt, ap);
	va_end(ap);
	snprintf(both, sizeof(both), "%s%s%s", outer, diag->place[0] ? ": " : "", diag->place);
	memcpy(diag->place, both, sizeof(diag->place) - 1);
	diag->place[sizeof(diag->place) - 1] = '\0';
}

void diag_hint(struct visor_diag *diag, const char *fmt, ...)
{
	va_list ap;

	if (!diag)
		return;
	va_start(ap, fmt);
	vsnprintf(diag->hint, sizeof(diag->hint), fmt, ap);
	va_end(ap);
}

VISOR_EXPORT void visor_diag_print(const struct visor_diag *diag, FILE *to)
{
	if (diag->place[0])
		fprintf(to, "%s: ", diag->place);
	fprintf(to, "%s", diag->text[0] ? diag->text : "unknown error");
	if (diag->err)
		fprintf(to, " (%s)", strerror(-diag->err));
	fputc('\n', to);
	if (diag->hint[0])
		fprintf(to, "  hint: %s\n", diag->hint);
}
