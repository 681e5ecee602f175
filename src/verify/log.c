/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/log.c - the kernel's log format, which tools parse.
 */
#include "verify/env.h"

#include <stdio.h>

void log_text(struct env *env, const char *fmt, ...)
{
	const struct verify_log *log = env->image->log;
	char text[1024];
	va_list ap;
	int n;

	if (!log || !(log->level & 3))
		return;
	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n > 0)
		log->write(log->user, text, MIN((size_t)n, sizeof(text) - 1));
}

void log_arrive(struct env *env, bool pruned)
{
}

void log_path(struct env *env)
{
}

void log_call(struct env *env)
{
}

void log_return(struct env *env)
{
}

size_t log_position(const struct env *env)
{
	return 0;
}

void log_rewind(struct env *env, size_t position)
{
}

void log_finish(struct env *env, uint64_t time_ns)
{
	const struct verify_log *log = env->image->log;
	char text[512];
	int n = 0;

	if (!log)
		return;
	if (log->level & 4)
		n = snprintf(text, sizeof(text), "verification time %llu usec\n",
			     (unsigned long long)(time_ns / 1000));
	n += snprintf(text + n, sizeof(text) - (size_t)n,
		      "processed %u insns (limit 1000000) max_states_per_insn %u total_states %u "
		      "peak_states %u mark_read 0\n",
		      env->insns_processed, env->max_states_per_insn, env->total_states,
		      env->peak_states);
	log->write(log->user, text, (size_t)n);
}
