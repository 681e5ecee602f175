/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/reason.c - why a program is refused: the first reason that is given counts.
 */
#include "verify/env.h"
#include "verify/log.h"

#include "base/diag.h"

static void fail_record(struct env *env, int err, enum reason reason, int regno, const char *text)
{
	log_text(env, "%s\n", text);
	if (env->err)
		return;
	env->err = err;
	env->reason = reason;
	env->fault_reg = regno;
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
	return env_fail(env, -EINVAL, REASON_UNSUPPORTED, "not supported by this verifier: %s", text);
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
