/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tests/chain/live_world.c - see live_world.h.
 */
#include "live_world.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>
#include <cmocka.h>

#include "load/load.h"

#define TRAIL 50 /* in the frame: see bpf/mark.h */

const char *const live_op_names[LIVE_OP_COUNT] = {"up", "apply", "swap", "rollback", "down"};

const char *world_object(const char *name)
{
	static char path[1024];

	snprintf(path, sizeof(path), "%s/tests/chain/%s.o", getenv("VISOR_BUILD"), name);
	return path;
}

void world_pairs(struct world *w)
{
	if (w->left >= 0)
		close(w->left);
	if (w->right >= 0)
		close(w->right);
	netns_run(w->ns, 1, "ip link del va 2> /dev/null; ip link del vb 2> /dev/null; true");
	netns_pair(w->ns, 0, "left", 1, "va");
	netns_pair(w->ns, 0, "right", 1, "vb");
	/* Frames can be redirected to a veth whose other end has NAPI. */
	netns_gro(w->ns, 0, "left", true);
	netns_gro(w->ns, 0, "right", true);
	w->left = netns_raw(w->ns, 0, "left");
	w->right = netns_raw(w->ns, 0, "right");
}

int world_begin(struct world *w, const char *mode)
{
	memset(w, 0, sizeof(*w));
	w->left = w->right = -1;
	w->mode = mode;
	w->kernel = !strcmp(mode, "kernel");
	if (netns_new(2, &w->ns))
		return 77;
	snprintf(w->dir, sizeof(w->dir), "/tmp/visor-live-XXXXXX");
	if (!mkdtemp(w->dir)) {
		perror(w->dir);
		return 1;
	}
	snprintf(w->state, sizeof(w->state), "%s/state", w->dir);
	snprintf(w->file, sizeof(w->file), "%s/c.yaml", w->dir);
	world_pairs(w);
	netns_enter(w->ns, 1);
	return 0;
}

void world_end(struct world *w)
{
	if (w->left >= 0)
		close(w->left);
	if (w->right >= 0)
		close(w->right);
	netns_run(w->ns, 1, "rm -rf %s", w->dir);
	netns_free(w->ns);
}

static void write_ports(const struct world *w, FILE *f, const char *links)
{
	bool seen[256] = {false};

	fprintf(f, "ports:\n");
	for (const char *c = links; *c; c++) {
		if ((*c != 'a' && *c != 'b' && *c != 'd') || seen[(unsigned char)*c])
			continue;
		seen[(unsigned char)*c] = true;
		fprintf(f, "  %c: {device: v%c%s%s}\n", *c, *c,
			w->kernel ? "" : ", via: ", w->kernel ? "" : w->mode);
	}
}

void world_file(struct world *w, const char *modules, const char *links, const char *more)
{
	FILE *f = fopen(w->file, "w");

	assert_non_null(f);
	fprintf(f, "engine: %s\n", w->kernel ? "kernel" : "user");
	write_ports(w, f, links);
	fprintf(f, "modules:\n");
	for (const char *m = modules; *m; m += strcspn(m, " "), m += *m == ' ') {
		char object[16];

		snprintf(object, sizeof(object), "mark%c", m[1]);
		fprintf(f, "  %c: {object: %s, config: {letter: %d}}\n", m[0],
			world_object(m[1] == '!' ? "wrong" : object), m[0]);
	}
	fprintf(f, "links:\n");
	for (const char *c = links; *c; c++) {
		if (c == links || c[-1] == ' ')
			fprintf(f, "  - ");
		if (*c == '>')
			fprintf(f, " -> ");
		else
			fputc(*c == ' ' ? '\n' : *c, f);
	}
	fprintf(f, "\n%s", more ? more : "");
	assert_int_equal(fclose(f), 0);
}

/* ---- operations -------------------------------------------------------------------------------
 */

static void world_warn(void *user, const struct visor_diag *remark)
{
	struct world *w = user;
	size_t at = strlen(w->remarks);

	snprintf(w->remarks + at, sizeof(w->remarks) - at, "%s\n", remark->text);
}

static void world_open(struct world *w, struct live_opts *opts)
{
	VISOR_OPTS(visor_opts, o, .state = w->state);

	w->remarks[0] = '\0';
	memset(&w->diag, 0, sizeof(w->diag));
	*opts = (struct live_opts){.sz = sizeof(*opts), .warn = world_warn, .user = w};
	if (!w->kernel && visor_open(&o, &opts->visor, &w->diag)) {
		fprintf(stderr, "state directory: %s\n", w->diag.text);
		abort();
	}
}

int world_do_as(struct world *w, enum live_op op, const char *name, const char *file,
		const char *object)
{
	struct live_opts opts;
	int err = -EINVAL;

	world_open(w, &opts);
	switch (op) {
	case LIVE_UP:
		err = live_up(&opts, file ? file : w->file, name, &w->report, &w->diag);
		break;
	case LIVE_APPLY:
		err = live_apply(&opts, file ? file : w->file, name, &w->report, &w->diag);
		break;
	case LIVE_SWAP:
		err = live_swap(&opts, name ? name : "c", "x",
				object ? object : world_object("mark2"), &w->report, &w->diag);
		break;
	case LIVE_ROLLBACK:
		err = live_rollback(&opts, name ? name : "c", &w->report, &w->diag);
		break;
	case LIVE_DOWN:
		err = live_down(&opts, name ? name : "c", &w->diag);
		break;
	case LIVE_OP_COUNT:
		break;
	}
	visor_close(opts.visor);
	return err;
}

int world_do(struct world *w, enum live_op op)
{
	return world_do_as(w, op, NULL, NULL, NULL);
}

struct live_status *world_status(struct world *w)
{
	struct live_status *s = NULL;
	struct live_opts opts;

	world_open(w, &opts);
	if (live_status_get(&opts, "c", &s, &w->diag))
		s = NULL;
	visor_close(opts.visor);
	return s;
}

bool world_is_up(struct world *w)
{
	struct live_opts opts;
	char *names = NULL;
	bool found = false;
	uint32_t n = 0;

	world_open(w, &opts);
	live_list(&opts, &names, &n);
	for (const char *at = names; n--; at += strlen(at) + 1)
		found |= !strcmp(at, "c");
	free(names);
	visor_close(opts.visor);
	return found;
}

/* ---- frames -----------------------------------------------------------------------------------
 */

static bool is_number(void *user, const void *frame, size_t size)
{
	return netns_frame_number(frame, size) == *(const uint32_t *)user;
}

const char *world_trail(struct world *w, bool from_left, int timeout_ms)
{
	static char trail[16];
	uint8_t frame[NETNS_FRAME], got[2048];
	uint32_t number = w->frames++;

	netns_frame(frame, NULL, 0x0a000001, 0x0a000002, 9, number);
	netns_send(from_left ? w->left : w->right, frame, sizeof(frame));
	if (!netns_receive(from_left ? w->right : w->left, got, sizeof(got), timeout_ms, is_number,
			   &number))
		return "-";
	snprintf(trail, sizeof(trail), "%.*s", got[TRAIL] * 2, got + TRAIL + 1);
	return trail;
}

/* ---- what is there ----------------------------------------------------------------------------
 */

/* The runner holds a lock on a file of the state directory, and the file is open in it alone. */
int world_runner(struct world *w)
{
	char path[128], out[64] = "";
	int fd, busy;

	if (w->kernel)
		return 0;
	snprintf(path, sizeof(path), "%s/run/c", w->state);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	busy = flock(fd, LOCK_EX | LOCK_NB);
	close(fd);
	if (!busy)
		return 0;
	netns_output(w->ns, 1, out, sizeof(out),
		     "find /proc/[0-9]*/fd -lname %s 2> /dev/null | cut -d / -f 3 | head -n 1",
		     path);
	return atoi(out);
}

static uint32_t map_id(int fd)
{
	struct bpf_map_info info = {0};
	union bpf_attr attr = {.info = {.bpf_fd = (uint32_t)fd,
					.info_len = sizeof(info),
					.info = (uintptr_t)&info}};

	return load_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr)) < 0 ? 0 : info.id;
}

uint32_t world_slots_id(struct world *w)
{
	union bpf_attr attr = {.pathname = (uintptr_t) "/sys/fs/bpf/visor/c/slots"};
	struct load_session session = {.visor = NULL}, *before;
	struct live_opts opts;
	uint32_t id = 0;
	int fd;

	world_open(w, &opts);
	session.visor = opts.visor;
	before = load_enter(&session);
	fd = load_bpf(BPF_OBJ_GET, &attr, sizeof(attr));
	if (fd >= 0) {
		id = map_id(fd);
		close(fd);
	}
	load_enter(before);
	visor_close(opts.visor);
	return id;
}

bool world_map_lives(struct world *w, uint32_t id)
{
	struct load_session session = {.visor = NULL}, *before;
	union bpf_attr attr = {.map_id = id};
	struct live_opts opts;
	int fd = 0;

	world_open(w, &opts);
	session.visor = opts.visor;
	before = load_enter(&session);
	/* The kernel lets go of a program's maps some time after the program. */
	for (int i = 0; i < 500 && fd >= 0; i++) {
		fd = load_bpf(BPF_MAP_GET_FD_BY_ID, &attr, sizeof(attr));
		if (fd < 0)
			break;
		close(fd);
		usleep(10000);
	}
	load_enter(before);
	visor_close(opts.visor);
	return fd >= 0;
}

void world_check_nothing(struct world *w)
{
	char pins[4096], links[4096], state[4096] = "";
	int runner = 0;

	netns_output(w->ns, 1, pins, sizeof(pins),
		     "find /sys/fs/bpf/visor -mindepth 1 2> /dev/null");
	netns_output(w->ns, 1, links, sizeof(links),
		     "ip -details link show 2> /dev/null | grep -E 'xdp|prog/'; "
		     "tc filter show dev va ingress 2> /dev/null");
	netns_output(w->ns, 1, state, sizeof(state),
		     "find %s/pins -mindepth 1 ! -path '*/sys' ! -path '*/sys/fs' "
		     "! -path '*/sys/fs/bpf' ! -path '*/sys/fs/bpf/visor' 2> /dev/null",
		     w->state);
	runner = world_runner(w);
	if (!pins[0] && !links[0] && !state[0] && !runner)
		return;
	fail_msg("left: pins %s; hooks %s; state %s; process %d", pins, links, state, runner);
}
