/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/live.c - the commands on live chains: see live.h.
 */
#include "chain/live.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "chain/counters.h"
#include "chain/live_impl.h"

void live_remark(const struct live *lv, const char *fmt, ...)
{
	struct visor_diag d = {0};
	char text[sizeof(d.text)];
	va_list ap;

	if (!lv->opts->warn)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	diag_fail(&d, 0, "live", "%s", text);
	diag_at(&d, "%s", lv->place.name);
	lv->opts->warn(lv->opts->user, &d);
}

uint64_t live_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* ---- opening and closing
 * ---------------------------------------------------------------------------- */

int live_open(struct live *lv, const struct live_opts *opts, const char *name, enum live_wish wish,
	      struct visor_diag *diag)
{
	int err;

	memset(lv, 0, sizeof(*lv));
	lv->opts = opts;
	lv->slots_fd = lv->counters_fd = -1;
	lv->place.lock = -1;
	err = place_open(&lv->place, opts->visor, name, wish == LIVE_NEW, diag);
	if (err)
		return err;
	lv->session.visor = opts->visor;
	lv->outside = load_enter(&lv->session);
	err = live_settle(lv, diag);
	if (!err && !lv->now && wish == LIVE_COMPLETE) {
		err = diag_fail(diag, -ENOENT, "place", "chain '%s' did not come up completely",
				name);
		diag_hint(diag, "visor down %s, or visor up again", name);
	}
	if (err)
		live_close(lv);
	return err;
}

void live_close(struct live *lv)
{
	if (lv->counters)
		munmap(lv->counters, lv->counters_size);
	if (lv->counters_fd >= 0)
		close(lv->counters_fd);
	if (lv->slots_fd >= 0)
		close(lv->slots_fd);
	record_free(lv->now);
	record_free(lv->before);
	record_free(lv->beyond);
	load_enter(lv->outside);
	place_close(&lv->place);
}

/* ---- descriptions
 * -------------------------------------------------------------------------------------- */

static int live_read_file(const char *path, char **text, size_t *len, struct visor_diag *diag)
{
	struct stat st;
	ssize_t n;
	int err = 0, fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	*text = NULL;
	if (fd < 0 || fstat(fd, &st)) {
		err = diag_fail(diag, -errno, "parse", "cannot open the chain file");
	} else if (!S_ISREG(st.st_mode) || st.st_size > TREE_MAX_BYTES) {
		err = diag_fail(diag, -EINVAL, "parse", "not a regular file of at most %d bytes",
				TREE_MAX_BYTES);
	} else {
		*text = malloc((size_t)st.st_size + 1);
		n = *text ? read(fd, *text, (size_t)st.st_size) : -1;
		if (n < 0)
			err = diag_fail(diag, *text ? -errno : -ENOMEM, "parse",
					"cannot read the chain file");
		*len = (size_t)MAX(n, 0);
	}
	if (fd >= 0)
		close(fd);
	if (!err) {
		(*text)[*len] = '\0';
		if (strlen(*text) == *len)
			return 0;
		err = diag_fail(diag, -EINVAL, "parse", "%s has a NUL byte", path);
	} else {
		diag_at(diag, "%s", path);
	}
	free(*text);
	*text = NULL;
	return err;
}

/* A record with what a description does not have. Takes text. */
static struct record *live_record_new(const char *file, char *text, uint32_t n_modules,
				      struct visor_diag *diag)
{
	struct record *r = calloc(1, sizeof(*r));

	if (r) {
		r->file = strdup(file);
		r->text = text;
		r->modules = calloc(n_modules + 1, sizeof(*r->modules));
		r->n_modules = n_modules;
		if (r->file && r->modules)
			return r;
		record_free(r);
	} else {
		free(text);
	}
	diag_fail(diag, -ENOMEM, "plan", "no memory");
	return NULL;
}

struct live_wanted {
	struct chain_desc *desc;
	struct record *record;
};

static int live_wanted_text(const char *file, char *text, size_t len, struct live_wanted *w,
			    struct visor_diag *diag)
{
	int err = chain_parse_text(file, text, len, &w->desc, diag);

	w->record = NULL;
	if (!err)
		w->desc->live = true;
	if (err) {
		free(text);
		return err;
	}
	w->record = live_record_new(file, text, w->desc->n_modules, diag);
	if (w->record)
		return 0;
	chain_desc_free(w->desc);
	w->desc = NULL;
	return -ENOMEM;
}

static int live_wanted_file(const char *path, struct live_wanted *w, struct visor_diag *diag)
{
	char *text, *full = realpath(path, NULL);
	size_t len;
	int err;

	if (!full) {
		err = diag_fail(diag, -errno, "parse", "cannot open the chain file");
		diag_at(diag, "%s", path);
		return err;
	}
	err = live_read_file(full, &text, &len, diag);
	if (!err)
		err = live_wanted_text(full, text, len, w, diag);
	free(full);
	return err;
}

/* The module's object becomes another one. */
static int live_wanted_swap(struct live_wanted *w, const char *module, const char *object,
			    struct visor_diag *diag)
{
	for (uint32_t i = 0; i < w->desc->n_modules; i++) {
		struct chain_desc_module *m = &w->desc->modules[i];

		if (strcmp(m->name, module) != 0)
			continue;
		free((char *)(uintptr_t)m->object);
		m->object = strdup(object);
		free(w->record->modules[i].swapped);
		w->record->modules[i].swapped = strdup(object);
		return m->object && w->record->modules[i].swapped
			       ? 0
			       : diag_fail(diag, -ENOMEM, "plan", "no memory");
	}
	return diag_fail(diag, -ENOENT, "plan", "the chain has no module '%s'", module);
}

/* A description's name: its own, or the file's without the end. */
static void live_name(const struct chain_desc *desc, const char *wish, char out[LIVE_NAME_SIZE])
{
	const char *base = strrchr(desc->file, '/');
	size_t n = 0;

	if (!wish)
		wish = desc->name;
	if (wish) {
		snprintf(out, LIVE_NAME_SIZE, "%s", wish);
		return;
	}
	base = base ? base + 1 : desc->file;
	for (; *base && *base != '.' && n < LIVE_NAME_SIZE - 1; base++)
		out[n++] = isalnum((unsigned char)*base) || *base == '-' ? *base : '_';
	out[n] = '\0';
}

int live_file_name(const char *file, const char *wish, char name[LIVE_NAME_SIZE],
		   struct visor_diag *diag)
{
	struct chain_desc *desc;
	int err = chain_parse(file, &desc, diag);

	if (err)
		return err;
	live_name(desc, wish, name);
	chain_desc_free(desc);
	return 0;
}

/* What is running: the file's text as it was then, with the objects that were swapped since. */
static int live_wanted_running(const struct live *lv, struct live_wanted *w,
			       struct visor_diag *diag)
{
	char *text = strdup(lv->now->text);
	int err;

	memset(w, 0, sizeof(*w));
	if (!text)
		return diag_fail(diag, -ENOMEM, "plan", "no memory");
	err = live_wanted_text(lv->now->file, text, strlen(text), w, diag);
	for (uint32_t i = 0; !err && i < lv->now->n_modules; i++)
		if (lv->now->modules[i].swapped)
			err = live_wanted_swap(w, lv->now->modules[i].name,
					       lv->now->modules[i].swapped, diag);
	return err;
}

/* Who changes a chain changes it without the taps that somebody has left, or still has. */
static int live_open_bare(struct live *lv, const struct live_opts *opts, const char *name,
			  struct visor_diag *diag)
{
	int err = live_open(lv, opts, name, LIVE_COMPLETE, diag);
	uint32_t tapper = err ? 0 : lv->now->tapper;

	if (!tapper)
		return err;
	err = live_untap(lv, diag);
	if (err)
		live_close(lv);
	else
		live_remark(lv, "the taps of process %u were taken off", tapper);
	return err;
}

static int live_check_engine(const struct live_opts *opts, const struct chain_desc *desc,
			     struct visor_diag *diag)
{
	if ((desc->engine == CHAIN_KERNEL) == !opts->visor)
		return 0;
	diag_fail(diag, -EINVAL, "plan", "the chain is for the %s engine, not for the %s engine",
		  opts->visor ? "kernel" : "user", opts->visor ? "user" : "kernel");
	diag_at(diag, "%s", desc->file);
	return -EINVAL;
}

/* ---- commands
 * ---------------------------------------------------------------------------------------------- */

/* The array holds programs that hold the array: emptied, they let go of each other. */
static void live_clear_slots(struct live *lv)
{
	struct bpf_map_info info = {0};
	union bpf_attr attr = {.info = {.info_len = sizeof(info), .info = (uintptr_t)&info}};
	bool own = lv->slots_fd < 0;

	if (own)
		lv->slots_fd = place_get(&lv->place, "slots");
	attr.info.bpf_fd = (uint32_t)lv->slots_fd;
	if (lv->slots_fd >= 0 && load_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr)) >= 0)
		for (uint32_t i = 0; i < info.max_entries; i++)
			if (live_slot_get(lv, i) > 0)
				live_slot_clear(lv, i);
	if (own && lv->slots_fd >= 0)
		close(lv->slots_fd);
	if (own)
		lv->slots_fd = -1;
}

/* Takes everything down but the folder. */
static int live_clear(struct live *lv, struct visor_diag *diag)
{
	static const char *const parts[] = {"map", "port", "slots", "counters", "run"};
	int err = live_ports_detach_all(lv, diag);

	if (err)
		return err;
	/* The newest generation is the last to go: until then it is the one in force. */
	err = live_remove_generations(lv);
	if (!err)
		live_clear_slots(lv);
	for (size_t i = 0; !err && i < ARRAY_SIZE(parts); i++)
		err = place_remove(&lv->place, "%s", parts[i]);
	return err ? diag_fail(diag, err, "place", "cannot remove the chain's objects") : 0;
}

int live_up(const struct live_opts *opts, const char *file, const char *wish,
	    struct live_report *report, struct visor_diag *diag)
{
	struct live_wanted w;
	struct live lv;
	char name[LIVE_NAME_SIZE];
	int err = live_wanted_file(file, &w, diag);

	memset(report, 0, sizeof(*report));
	if (err)
		return err;
	live_name(w.desc, wish, name);
	err = live_check_engine(opts, w.desc, diag);
	if (!err)
		err = live_open(&lv, opts, name, LIVE_NEW, diag);
	if (err) {
		record_free(w.record);
		chain_desc_free(w.desc);
		return err;
	}
	if (lv.now) {
		err = diag_fail(diag, -EEXIST, "place", "chain '%s' is up already, generation %u",
				name, lv.now->generation);
		diag_hint(diag, "visor apply %s makes it what the file says", file);
		record_free(w.record);
	} else {
		/* What an interrupted beginning has left. */
		err = live_clear(&lv, diag);
		if (!err)
			err = live_change(&lv, w.desc, w.record, report, diag);
		else
			record_free(w.record);
		if (err) {
			live_clear(&lv, NULL);
			place_remove(&lv.place, "%s", "");
		}
	}
	chain_desc_free(w.desc);
	live_close(&lv);
	return err;
}

int live_apply(const struct live_opts *opts, const char *file, const char *wish,
	       struct live_report *report, struct visor_diag *diag)
{
	struct live_wanted w;
	struct live lv;
	char name[LIVE_NAME_SIZE];
	int err = live_wanted_file(file, &w, diag);

	memset(report, 0, sizeof(*report));
	if (err)
		return err;
	live_name(w.desc, wish, name);
	err = live_check_engine(opts, w.desc, diag);
	if (!err)
		err = live_open_bare(&lv, opts, name, diag);
	if (err) {
		record_free(w.record);
		chain_desc_free(w.desc);
		return err;
	}
	err = live_change(&lv, w.desc, w.record, report, diag);
	chain_desc_free(w.desc);
	live_close(&lv);
	return err;
}

int live_swap(const struct live_opts *opts, const char *name, const char *module,
	      const char *object, struct live_report *report, struct visor_diag *diag)
{
	struct live_wanted w;
	struct live lv;
	char *full;
	int err = live_open_bare(&lv, opts, name, diag);

	memset(report, 0, sizeof(*report));
	if (err)
		return err;
	err = live_wanted_running(&lv, &w, diag);
	/* A path must mean the same to a later command in another folder. */
	full = strchr(object, '/') || strchr(object, '.') ? realpath(object, NULL) : NULL;
	if (!err)
		err = live_wanted_swap(&w, module, full ? full : object, diag);
	free(full);
	if (!err)
		err = live_change(&lv, w.desc, w.record, report, diag);
	else
		record_free(w.record);
	chain_desc_free(w.desc);
	live_close(&lv);
	return err;
}

int live_tap(const struct live_opts *opts, const char *name, live_tap_fn fn, void *user,
	     struct live_report *report, struct visor_diag *diag)
{
	struct live_wanted w = {0};
	struct live lv;
	int err = live_open(&lv, opts, name, LIVE_COMPLETE, diag);

	memset(report, 0, sizeof(*report));
	if (err)
		return err;
	if (lv.now->tapper && (!kill((pid_t)lv.now->tapper, 0) || errno == EPERM)) {
		err = diag_fail(diag, -EBUSY, "tap", "process %u has taps on the chain",
				lv.now->tapper);
		diag_hint(diag, "one capture or trace at a time");
	}
	if (!err)
		err = live_untap(&lv, diag);
	if (!err)
		err = live_wanted_running(&lv, &w, diag);
	if (!err)
		err = fn(user, lv.now, w.desc, w.record, diag);
	if (!err) {
		w.record->tapper = (uint32_t)getpid();
		err = live_change(&lv, w.desc, w.record, report, diag);
	} else {
		record_free(w.record);
	}
	chain_desc_free(w.desc);
	live_close(&lv);
	return err;
}

int live_tap_end(const struct live_opts *opts, const char *name, struct visor_diag *diag)
{
	struct live lv;
	int err = live_open(&lv, opts, name, LIVE_COMPLETE, diag);

	if (err)
		return err;
	if (lv.now->tapper == (uint32_t)getpid())
		err = live_untap(&lv, diag);
	live_close(&lv);
	return err;
}

int live_rollback(const struct live_opts *opts, const char *name, struct live_report *report,
		  struct visor_diag *diag)
{
	struct live lv;
	int err = live_open_bare(&lv, opts, name, diag);

	memset(report, 0, sizeof(*report));
	if (err)
		return err;
	if (lv.before) {
		err = live_change_back(&lv, report, diag);
	} else {
		err = diag_fail(diag, -ENOENT, "plan", "there is no generation before this one");
		diag_hint(diag, "the first change of a chain can be rolled back");
	}
	live_close(&lv);
	return err;
}

int live_down(const struct live_opts *opts, const char *name, struct visor_diag *diag)
{
	struct live lv;
	int err = live_open(&lv, opts, name, LIVE_ANY, diag);

	if (err)
		return err;
	err = live_clear(&lv, diag);
	if (!err)
		err = place_remove(&lv.place, "%s", "");
	live_close(&lv);
	return err;
}

/* ---- looking
 * --------------------------------------------------------------------------------------------- */

static struct live_count live_row(const struct live *lv, uint32_t row)
{
	struct counter_row sum =
		counters_sum(lv->counters, record_stride(lv->now), lv->now->n_cpus, row);

	return (struct live_count){sum.packets, sum.bytes};
}

/* What an input takes, as its row says, less what it takes to ask for the time. */
static void live_time(const struct live *lv, const struct live_count *row, struct live_time *out)
{
	uint64_t cost = counters_cost(lv->counters, record_stride(lv->now), lv->now->n_cpus);
	double ns = row->packets ? (double)row->bytes / (double)row->packets - (double)cost : 0;

	*out = (struct live_time){.packets = row->packets, .ns = MAX(ns, 0)};
}

static int live_status_fill(struct live *lv, struct live_status *s)
{
	const struct record *r = lv->now;

	s->rows = calloc(r->n_inputs + 1, sizeof(*s->rows));
	s->times = calloc(r->n_inputs + 1, sizeof(*s->times));
	s->ports = calloc(r->n_ports + 1, sizeof(*s->ports));
	if (!s->rows || !s->times || !s->ports)
		return -ENOMEM;
	for (uint32_t i = 0; i < r->n_inputs; i++) {
		s->rows[i] = calloc(r->inputs[i].n_rows + 1, sizeof(**s->rows));
		if (!s->rows[i])
			return -ENOMEM;
		for (uint32_t k = 0; k < r->inputs[i].n_rows; k++)
			s->rows[i][k] = live_row(lv, r->inputs[i].row + k);
		live_time(lv, &s->rows[i][COUNTERS_TIME(r->inputs[i].n_rows)], &s->times[i]);
	}
	for (uint32_t i = 0; i < r->n_ports; i++) {
		live_port_state(lv, &r->ports[i], &s->ports[i]);
		s->ports[i].in = live_row(lv, r->ports[i].row);
		s->ports[i].missed = live_row(lv, r->ports[i].row + 1);
	}
	s->can_roll_back = lv->before != NULL;
	return 0;
}

int live_status_get(const struct live_opts *opts, const char *name, struct live_status **out,
		    struct visor_diag *diag)
{
	struct live_status *s = calloc(1, sizeof(*s));
	struct live lv;
	int err;

	*out = NULL;
	if (!s)
		return diag_fail(diag, -ENOMEM, "status", "no memory");
	err = live_open(&lv, opts, name, LIVE_COMPLETE, diag);
	if (err) {
		free(s);
		return err;
	}
	err = live_status_fill(&lv, s);
	s->record = lv.now;
	lv.now = NULL;
	live_close(&lv);
	if (err) {
		live_status_free(s);
		return diag_fail(diag, err, "status", "no memory");
	}
	*out = s;
	return 0;
}

void live_status_free(struct live_status *s)
{
	if (!s)
		return;
	for (uint32_t i = 0; s->rows && i < s->record->n_inputs; i++)
		free(s->rows[i]);
	free(s->rows);
	free(s->times);
	free(s->ports);
	record_free(s->record);
	free(s);
}

int live_list(const struct live_opts *opts, char **names, uint32_t *n)
{
	return place_list_chains(opts->visor, names, n);
}
