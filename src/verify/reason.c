/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/reason.c - why a program is refused: the first reason that is given counts.
 */
#include "verify/env.h"
#include "verify/log.h"

#include "base/diag.h"

struct reason_row {
	const char *name, *title, *hint;
};

static const struct reason_row reasons[] = {
#define REASON(id, name, title, hint) [REASON_##id] = {name, title, hint},
#include "verify/reasons.def"
#undef REASON
};

const char *verify_reason_name(uint32_t i)
{
	return i < REASON_COUNT ? reasons[i].name : NULL;
}

bool verify_reason_find(const char *name, const char **title, const char **hint)
{
	for (size_t i = 0; i < REASON_COUNT; i++) {
		if (strcmp(reasons[i].name, name))
			continue;
		if (title)
			*title = reasons[i].title;
		if (hint)
			*hint = reasons[i].hint;
		return true;
	}
	return false;
}

static void fail_record(struct env *env, int err, enum reason reason, int regno, const char *text)
{
	log_text(env, "%s\n", text);
	if (env->err)
		return;
	env->err = err;
	env->reason = reason;
	env->fault_reg = regno;
	snprintf(env->message, sizeof(env->message), "%s", text);
	diag_fail(env->diag, err, "verify", "%s", text);
	diag_at(env->diag, "insn %u", env->at);
}

int env_fail(struct env *env, int err, enum reason reason, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fail_record(env, err, reason, -1, text);
	return err;
}

int env_fail_reg(struct env *env, int err, enum reason reason, int regno, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fail_record(env, err, reason, regno, text);
	return err;
}

int env_unsupported(struct env *env, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return env_fail(env, -EINVAL, REASON_UNSUPPORTED, "not supported by this verifier: %s",
			text);
}

int env_nomem(struct env *env)
{
	return env_fail(env, -ENOMEM, REASON_NO_MEMORY, "out of memory");
}

void env_forgive(struct env *env)
{
	env->err = 0;
	env->reason = REASON_NONE;
}

void env_note(struct env *env, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	if (!log_on(env))
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_text(env, "%s\n", text);
}
