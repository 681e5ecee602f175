/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli/cmd_capture.c - visor capture: the packets on one edge of a running chain.
 *
 * Records have the monotonic time; capture files want the wall clock's. The difference is taken
 * once, so that a clock that is set meanwhile tears no gap.
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "cli/capture.h"
#include "cli/cmd_live.h"
#include "cli/packet_text.h"

/* ---- shared with trace -------------------------------------------------------------------------
 */

uint64_t capture_epoch(void)
{
	struct timespec wall, mono;

	clock_gettime(CLOCK_MONOTONIC, &mono);
	clock_gettime(CLOCK_REALTIME, &wall);
	return (uint64_t)((wall.tv_sec - mono.tv_sec) * 1000000000 + wall.tv_nsec - mono.tv_nsec);
}

int capture_packet(const struct tap_record *r, struct capture_packet *out)
{
	uint32_t tag = r->vlan_proto && r->captured >= 12 ? 4 : 0;
	uint8_t *b = malloc(r->captured + tag + 1);

	out->bytes = b;
	out->size = r->captured + tag;
	out->length = r->length + tag;
	if (!b)
		return -ENOMEM;
	memcpy(b, r->bytes, tag ? 12 : r->captured);
	if (tag) {
		memcpy(b + 12, &r->vlan_proto, 2);
		b[14] = (uint8_t)(r->vlan_tci >> 8);
		b[15] = (uint8_t)r->vlan_tci;
		memcpy(b + 16, r->bytes + 12, r->captured - 12);
	}
	return 0;
}

void capture_clock(uint64_t ns, char out[32])
{
	time_t s = (time_t)(ns / 1000000000);
	struct tm tm;
	size_t n;

	localtime_r(&s, &tm);
	n = strftime(out, 32, "%H:%M:%S", &tm);
	snprintf(out + n, 32 - n, ".%06u", (unsigned)(ns % 1000000000 / 1000));
}

int capture_loop(struct tap *tap, const struct capture_reader *reader, struct visor_diag *diag)
{
	int err = 0;
	uint32_t n;

	while (!err && !cmd_live_told()) {
		err = tap_read(tap, false, reader->record, reader->user, &n, diag);
		if (reader->rest && !err)
			err = reader->rest(reader->user);
		/* What waits in a ring is read soon enough not to fill it. */
		if (!err && !n)
			cmd_live_sleep(CAPTURE_PAUSE_NS);
	}
	/* A signal: what was made before it is told, too. */
	if (!err)
		err = tap_read(tap, true, reader->record, reader->user, &n, diag);
	return err;
}

/* ---- the command -------------------------------------------------------------------------------
 */

struct capture {
	struct capture_filter *filter;
	struct capture_file *file; /* NULL: lines */
	uint64_t epoch, count, seen;
};

static void capture_line(uint64_t time, const struct capture_packet *p)
{
	struct packet_text text;
	char line[400], clock[32];

	packet_text_read(p->bytes, p->size, &text);
	packet_text_line(&text, line, sizeof(line));
	capture_clock(time, clock);
	printf("%s  %u bytes  %s\n", clock, p->length, line);
}

static int capture_one(void *user, const struct tap_record *r)
{
	struct capture *c = user;
	struct capture_packet p;
	int err = capture_packet(r, &p);

	if (!err && capture_filter_matches(c->filter, &p)) {
		if (c->file)
			err = capture_file_add(c->file, c->epoch + r->time, &p);
		else
			capture_line(c->epoch + r->time, &p);
		c->seen++;
	}
	free(p.bytes);
	return err ? err : c->count && c->seen >= c->count ? 1 : 0;
}

/* Whoever reads along sees what there is. */
static int capture_rest(void *user)
{
	struct capture *c = user;

	if (c->file)
		return capture_file_flush(c->file);
	errno = 0;
	return fflush(stdout) || ferror(stdout) ? errno ? -errno : -EIO : 0;
}

static int capture_run(struct live_cmd *cmd, struct capture *c, uint32_t snaplen)
{
	const struct capture_reader reader = {capture_one, capture_rest, c};
	struct cli *cli = cmd->cli;
	struct visor_diag diag = {0}, end = {0};
	struct live_report report;
	struct tap *tap;
	uint64_t lost;
	int err, code = CLI_OK;

	cmd_live_signals();
	if (tap_open(&cmd->opts, cli->args[0], cli->args[1], snaplen, &tap, &report, &diag))
		return cli_fail(&diag);
	fprintf(stderr, "capturing on %s\n", cli->args[1]);
	err = capture_loop(tap, &reader, &diag);
	lost = tap_lost(tap);
	/* Who reads the other end of a pipe may have had enough. */
	if (err < 0 && err != -EPIPE)
		code = diag.err ? cli_fail(&diag)
				: cli_error(err, NULL, "cannot write the packets");
	if (tap_close(tap, &end))
		code = cli_fail(&end);
	fflush(stdout);
	fprintf(stderr, "%llu packets captured, %llu lost\n", (unsigned long long)c->seen,
		(unsigned long long)lost);
	return code;
}

int cli_capture(struct cli *cli)
{
	struct capture c = {.epoch = capture_epoch()};
	struct visor_diag diag = {0};
	struct live_cmd cmd;
	uint64_t snaplen;
	int code, err;

	if (cli_opt_number(cli, OPT_COUNT, 1, UINT64_MAX, 0, &c.count) ||
	    cli_opt_number(cli, OPT_SNAPLEN, 14, TAP_MAX_SNAPLEN, TAP_MAX_SNAPLEN, &snaplen))
		return CLI_USAGE;
	code = capture_filter_new(cli, 2, (uint32_t)snaplen, &c.filter);
	if (code)
		return code;
	code = cmd_live_begin_name(&cmd, cli, cli->args[0]);
	if (!code) {
		if (cli->opt[OPT_WRITE] &&
		    capture_file_open(cli->opt[OPT_WRITE], (uint32_t)snaplen, &c.file, &diag))
			code = cli_fail(&diag);
		if (!code)
			code = capture_run(&cmd, &c, (uint32_t)snaplen);
		err = c.file ? capture_file_close(c.file) : 0;
		if (!code && err && err != -EPIPE)
			code = cli_error(err, NULL, "cannot write the packets");
		cmd_live_end(&cmd);
	}
	capture_filter_free(c.filter);
	return code;
}
