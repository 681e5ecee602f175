/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli/metrics_http.c - see metrics.h.
 *
 * libmicrohttpd does the talking, within this thread: the engines' sessions belong to threads. It
 * is loaded when it is needed (base/lazy.h).
 */
#include "cli/metrics.h"

#ifdef VISOR_HTTP

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdlib.h>

#include "base/lazy.h"
#include "cli/cmd_live.h"

#define METRICS_MAX_CONNECTIONS 16
#define METRICS_TIMEOUT_S	10
#define METRICS_LOOK_MS		200 /* for signals */

#define MHD_FUNCTIONS(FN)                   \
	FN(MHD_add_response_header)         \
	FN(MHD_create_response_from_buffer) \
	FN(MHD_destroy_response)            \
	FN(MHD_get_daemon_info)             \
	FN(MHD_queue_response)              \
	FN(MHD_run_wait)                    \
	FN(MHD_start_daemon)                \
	FN(MHD_stop_daemon)

static struct {
	MHD_FUNCTIONS(LAZY_MEMBER)
} mhd;

LAZY_LIBRARY(metrics_library, mhd, MHD_FUNCTIONS, "libmicrohttpd.so.12")

struct metrics_server {
	metrics_make_fn make;
	void *user;
};

static enum MHD_Result metrics_reply(struct MHD_Connection *c, unsigned status, char *text,
				     size_t len, const char *type)
{
	struct MHD_Response *r =
		mhd.MHD_create_response_from_buffer(len, text, MHD_RESPMEM_MUST_FREE);
	enum MHD_Result ok;

	if (!r) {
		free(text);
		return MHD_NO;
	}
	mhd.MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	ok = mhd.MHD_queue_response(c, status, r);
	mhd.MHD_destroy_response(r);
	return ok;
}

static enum MHD_Result metrics_say(struct MHD_Connection *c, unsigned status, const char *text)
{
	char *copy = strdup(text);

	return copy ? metrics_reply(c, status, copy, strlen(copy), "text/plain; charset=utf-8")
		    : MHD_NO;
}

static enum MHD_Result metrics_answer(void *user, struct MHD_Connection *c, const char *url,
				      const char *method, const char *version, const char *upload,
				      size_t *upload_size, void **state)
{
	static int seen;
	struct metrics_server *s = user;
	struct visor_diag diag = {0};
	char *text;
	size_t len;

	/* The first call has the headers only. What is sent along is not wanted. */
	if (!*state) {
		*state = &seen;
		return MHD_YES;
	}
	if (*upload_size) {
		*upload_size = 0;
		return MHD_YES;
	}
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return metrics_say(c, MHD_HTTP_METHOD_NOT_ALLOWED, "GET only\n");
	if (strcmp(url, "/metrics") != 0)
		return metrics_say(c, MHD_HTTP_NOT_FOUND, "the metrics are at /metrics\n");
	if (s->make(s->user, &text, &len, &diag))
		return metrics_say(c, MHD_HTTP_INTERNAL_SERVER_ERROR, diag.text);
	return metrics_reply(c, MHD_HTTP_OK, text, len, METRICS_TYPE);
}

/* "127.0.0.1:9464", "[::1]:9464" */
static int metrics_address(struct cli *cli, const char *where, struct addrinfo **out)
{
	const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
				       .ai_socktype = SOCK_STREAM};
	const char *colon = strrchr(where, ':');
	char host[64];
	size_t n = colon ? (size_t)(colon - where) : 0;
	uint64_t port;

	if (n > 2 && where[0] == '[' && where[n - 1] == ']') {
		where++;
		n -= 2;
	}
	snprintf(host, sizeof(host), "%.*s", (int)MIN(n, sizeof(host) - 1), where);
	if (!n || n >= sizeof(host) || cli_number(colon + 1, 0, 65535, &port) ||
	    getaddrinfo(host, colon + 1, &hints, out))
		return cli_usage(cli, "--listen is ADDRESS:PORT, such as 127.0.0.1:9464 or "
				      "[::1]:9464");
	return CLI_OK;
}

int metrics_listen(struct cli *cli, const char *where, metrics_make_fn make, void *user)
{
	struct metrics_server s = {make, user};
	const union MHD_DaemonInfo *info;
	struct MHD_Daemon *d;
	struct addrinfo *a;
	struct visor_diag diag = {0};
	int code = metrics_address(cli, where, &a);

	if (code)
		return code;
	if (lazy_need(&metrics_library)) {
		freeaddrinfo(a);
		lazy_fail(&metrics_library, "metrics", "libmicrohttpd, or use --output", &diag);
		return cli_fail(&diag);
	}
	errno = 0;
	d = mhd.MHD_start_daemon(a->ai_family == AF_INET6 ? MHD_USE_IPv6 : MHD_NO_FLAG, 0, NULL,
				 NULL, metrics_answer, &s, MHD_OPTION_SOCK_ADDR, a->ai_addr,
				 MHD_OPTION_CONNECTION_LIMIT, (unsigned)METRICS_MAX_CONNECTIONS,
				 MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)METRICS_TIMEOUT_S,
				 MHD_OPTION_END);
	freeaddrinfo(a);
	if (!d)
		return cli_error(errno ? -errno : -EADDRNOTAVAIL, NULL, "cannot listen on %s",
				 where);
	info = mhd.MHD_get_daemon_info(d, MHD_DAEMON_INFO_BIND_PORT);
	fprintf(stderr, "http://%.*s:%u/metrics\n", (int)(strrchr(where, ':') - where), where,
		info ? info->port : 0);
	while (!cmd_live_told() && mhd.MHD_run_wait(d, METRICS_LOOK_MS) == MHD_YES)
		;
	mhd.MHD_stop_daemon(d);
	return cmd_live_told() ? CLI_OK : cli_error(-EIO, NULL, "cannot go on listening");
}

#else

#include <errno.h>

int metrics_listen(struct cli *cli, const char *where, metrics_make_fn make, void *user)
{
	return cli_error(-EOPNOTSUPP, NULL,
			 "this visor was built without libmicrohttpd: use --output, or build it "
			 "again with the library (Debian: libmicrohttpd-dev)");
}

#endif
