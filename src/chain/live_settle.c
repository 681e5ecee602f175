/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/live_settle.c - what is in force, and making everything else agree with it.
 *
 * A command may die anywhere. The newest generation with a record either has all of its writes in
 * the slots (it is in force), or none (the one before is), or some: then a switch was interrupted,
 * and is finished. A generation without a record was never seen by a packet.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "chain/counters.h"
#include "chain/live_impl.h"

/* ---- slots
 * -------------------------------------------------------------------------------------------- */

int64_t live_slot_get(const struct live *lv, uint32_t slot)
{
	uint32_t id = 0;
	union bpf_attr attr = {
		.map_fd = (uint32_t)lv->slots_fd, .key = (uintptr_t)&slot, .value = (uintptr_t)&id};
	int err = load_bpf(BPF_MAP_LOOKUP_ELEM, &attr, sizeof(attr));

	return err == -ENOENT ? 0 : err < 0 ? err : (int64_t)id;
}

int live_slot_set(const struct live *lv, uint32_t slot, int prog_fd)
{
	uint32_t fd = (uint32_t)prog_fd;
	union bpf_attr attr = {
		.map_fd = (uint32_t)lv->slots_fd, .key = (uintptr_t)&slot, .value = (uintptr_t)&fd};

	return MIN(load_bpf(BPF_MAP_UPDATE_ELEM, &attr, sizeof(attr)), 0);
}

void live_slot_clear(const struct live *lv, uint32_t slot)
{
	union bpf_attr attr = {.map_fd = (uint32_t)lv->slots_fd, .key = (uintptr_t)&slot};

	load_bpf(BPF_MAP_DELETE_ELEM, &attr, sizeof(attr));
}

int64_t live_prog_id(int fd)
{
	struct bpf_prog_info info = {0};
	union bpf_attr attr = {.info = {.bpf_fd = (uint32_t)fd,
					.info_len = sizeof(info),
					.info = (uintptr_t)&info}};
	int err = load_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr));

	return err < 0 ? err : (int64_t)info.id;
}

int live_prog_by_id(uint32_t id)
{
	union bpf_attr attr = {.prog_id = id};

	return load_bpf(BPF_PROG_GET_FD_BY_ID, &attr, sizeof(attr));
}

static int live_write(const struct live *lv, uint32_t slot, uint32_t id)
{
	int fd, err;

	if (!id) {
		live_slot_clear(lv, slot);
		return 0;
	}
	fd = live_prog_by_id(id);
	if (fd < 0)
		return fd;
	err = live_slot_set(lv, slot, fd);
	close(fd);
	return err;
}

void live_undo_writes(const struct live *lv, const struct record *r, uint32_t n)
{
	while (n--)
		live_write(lv, r->writes[n].slot, r->writes[n].before);
}

int live_redo_writes(const struct live *lv, const struct record *r, uint64_t *ns)
{
	int *fds = calloc(r->n_writes + 1, sizeof(*fds)), err = fds ? 0 : -ENOMEM;
	uint32_t opened = 0;
	uint64_t start;

	/* From the first write to the last there is nothing else to do. */
	for (; !err && opened < r->n_writes; opened++) {
		fds[opened] =
			r->writes[opened].after ? live_prog_by_id(r->writes[opened].after) : -1;
		if (r->writes[opened].after && fds[opened] < 0)
			err = fds[opened];
	}
	start = live_now();
	for (uint32_t i = 0; !err && i < r->n_writes; i++) {
		if (fds[i] < 0)
			live_slot_clear(lv, r->writes[i].slot);
		else
			err = live_slot_set(lv, r->writes[i].slot, fds[i]);
		if (err)
			live_undo_writes(lv, r, i);
	}
	if (ns)
		*ns = live_now() - start;
	while (opened--)
		if (fds[opened] >= 0)
			close(fds[opened]);
	free(fds);
	return err;
}

/* ---- maps of the chain
 * ---------------------------------------------------------------------------------- */

int live_maps(struct live *lv, const struct record *r, bool create, struct visor_diag *diag)
{
	uint64_t size = (uint64_t)record_stride(r) * r->n_cpus;
	void *mem;
	int err = 0;

	if (lv->slots_fd >= 0)
		return 0;
	if (size > INT32_MAX)
		return diag_fail(diag, -E2BIG, "load", "the chain needs too many counters");
	if (create) {
		lv->counters_fd = loader_map(BPF_MAP_TYPE_ARRAY, "chain_counters", (uint32_t)size,
					     1, BPF_F_MMAPABLE, diag);
		if (lv->counters_fd < 0)
			return lv->counters_fd;
		lv->slots_fd = loader_map(BPF_MAP_TYPE_PROG_ARRAY, "chain_slots", 4, r->max_slots,
					  0, diag);
		if (lv->slots_fd < 0)
			return lv->slots_fd;
		err = place_pin(&lv->place, lv->counters_fd, "counters");
		if (!err)
			err = place_pin(&lv->place, lv->slots_fd, "slots");
	} else {
		lv->counters_fd = place_get(&lv->place, "counters");
		lv->slots_fd = place_get(&lv->place, "slots");
		err = MIN(MIN(lv->counters_fd, lv->slots_fd), 0);
	}
	if (err)
		return diag_fail(diag, err, "place", "cannot %s the chain's maps",
				 create ? "pin" : "open");
	lv->counters_size = ALIGN_UP(size, (uint64_t)sysconf(_SC_PAGESIZE));
	mem = mmap(NULL, lv->counters_size, PROT_READ | PROT_WRITE, MAP_SHARED, lv->counters_fd, 0);
	if (mem == MAP_FAILED)
		return diag_fail(diag, -errno, "load", "cannot map the chain's counters");
	lv->counters = mem;
	return 0;
}

/* ---- records
 * -----------------------------------------------------------------------------------------------
 */

int live_read_record(const struct live *lv, uint32_t generation, struct record **out,
		     struct visor_diag *diag)
{
	struct bpf_map_info info = {0};
	union bpf_attr attr = {0};
	uint32_t key = 0;
	char name[96], *text;
	int fd = place_get(&lv->place, "g%u/record", generation), err;

	*out = NULL;
	if (fd < 0)
		return fd;
	attr.info.bpf_fd = (uint32_t)fd;
	attr.info.info_len = sizeof(info);
	attr.info.info = (uintptr_t)&info;
	err = MIN(load_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr)), 0);
	if (!err && (info.type != BPF_MAP_TYPE_ARRAY || info.max_entries != 1 ||
		     info.key_size != 4 || info.value_size > 2 * TREE_MAX_BYTES))
		err = -EBADMSG;
	text = err ? NULL : calloc(1, info.value_size + 1);
	if (!err && !text)
		err = -ENOMEM;
	if (!err) {
		memset(&attr, 0, sizeof(attr));
		attr.map_fd = (uint32_t)fd;
		attr.key = (uintptr_t)&key;
		attr.value = (uintptr_t)text;
		err = MIN(load_bpf(BPF_MAP_LOOKUP_ELEM, &attr, sizeof(attr)), 0);
	}
	close(fd);
	snprintf(name, sizeof(name), "%s/g%u/record", lv->place.name, generation);
	if (err)
		diag_fail(diag, err, "record", "cannot read the chain's record %s", name);
	else
		err = record_parse(name, text, strlen(text), out, diag);
	if (!err && ((*out)->generation != generation ||
		     (*out)->engine != (lv->place.visor ? CHAIN_USER : CHAIN_KERNEL))) {
		record_free(*out);
		*out = NULL;
		err = diag_fail(diag, -EBADMSG, "record", "the record %s is another chain's", name);
	}
	free(text);
	return err;
}

struct settle_found {
	uint32_t g[64], n;
};

/* place_each: "g12" */
static int settle_find(void *user, const char *name)
{
	struct settle_found *f = user;
	char *end;
	unsigned long g = name[0] == 'g' ? strtoul(name + 1, &end, 10) : 0;

	if (g && !*end && g <= INT32_MAX && f->n < ARRAY_SIZE(f->g))
		f->g[f->n++] = (uint32_t)g;
	return 0;
}

static int settle_descending(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? 1 : x > y ? -1 : 0;
}

/* The three newest generations that have a record, newest first. */
static int settle_records(struct live *lv, struct record *out[3], struct visor_diag *diag)
{
	struct settle_found f = {.n = 0};
	uint32_t n = 0;
	int err = place_each(&lv->place, "", settle_find, &f);

	out[0] = out[1] = out[2] = NULL;
	if (err)
		return diag_fail(diag, err, "place", "cannot read the chain's folder");
	qsort(f.g, f.n, sizeof(f.g[0]), settle_descending);
	for (uint32_t i = 0; !err && i < f.n && n < 3; i++) {
		err = live_read_record(lv, f.g[i], &out[n], diag);
		if (!err)
			n++;
		else if (err == -ENOENT)
			err = 0; /* it never was complete */
	}
	return err;
}

/* First of all its record: a generation that has one has everything. */
static int settle_remove(const struct live *lv, const char *name)
{
	int err = place_remove(&lv->place, "%s/record", name);

	return err ? err : place_remove(&lv->place, "%s", name);
}

int live_remove_generations(struct live *lv)
{
	struct settle_found f = {.n = 0};
	int err = place_each(&lv->place, "", settle_find, &f);

	qsort(f.g, f.n, sizeof(f.g[0]), settle_descending);
	while (!err && f.n) {
		char name[16];

		snprintf(name, sizeof(name), "g%u", f.g[--f.n]);
		err = settle_remove(lv, name);
	}
	return err;
}

/* How many of the record's writes are in the slots. */
static int settle_count(const struct live *lv, const struct record *r, uint32_t *done)
{
	*done = 0;
	for (uint32_t i = 0; i < r->n_writes; i++) {
		int64_t id = live_slot_get(lv, r->writes[i].slot);

		if (id < 0)
			return (int)id;
		*done += (uint32_t)id == r->writes[i].after;
	}
	return 0;
}

int live_settle(struct live *lv, struct visor_diag *diag)
{
	struct record *r[3];
	uint32_t done = 0;
	int err = settle_records(lv, r, diag);

	if (!err && r[0])
		err = live_maps(lv, r[0], false, diag);
	if (!err && r[0]) {
		err = settle_count(lv, r[0], &done);
		if (err)
			diag_fail(diag, err, "place", "cannot read the chain's slots");
	}
	if (err) {
		record_free(r[0]);
		record_free(r[1]);
		record_free(r[2]);
		return err;
	}
	lv->now = r[0];
	lv->before = r[1];
	lv->beyond = r[2];
	if (!r[0] || done == r[0]->n_writes)
		return 0;
	if (!done) {
		live_remark(lv,
			    "an interrupted change to generation %u was taken back: generation "
			    "%u is in force",
			    r[0]->generation, r[1] ? r[1]->generation : 0);
		err = place_remove(&lv->place, "g%u", r[0]->generation);
		lv->now = r[1];
		lv->before = r[2];
		lv->beyond = NULL;
		record_free(r[0]);
		return err ? diag_fail(diag, err, "place", "cannot remove a generation") : 0;
	}
	err = live_redo_writes(lv, r[0], NULL);
	if (err)
		return diag_fail(diag, err, "load", "cannot finish an interrupted change");
	live_remark(lv, "an interrupted change was finished: generation %u is in force",
		    r[0]->generation);
	return 0;
}

/* ---- after a switch
 * ------------------------------------------------------------------------------------------ */

static void settle_mark(const struct record *r, bool *used)
{
	for (uint32_t i = 0; r && i < r->n_inputs; i++)
		if (r->inputs[i].slot != RECORD_NO_SLOT)
			used[r->inputs[i].slot] = true;
	for (uint32_t i = 0; r && i < r->n_ports; i++)
		if (r->ports[i].slot != RECORD_NO_SLOT)
			used[r->ports[i].slot] = true;
}

/* Slots that neither generation uses let their programs go. */
static int settle_slots(const struct live *lv)
{
	bool *used = calloc(lv->now->max_slots + 1, sizeof(*used));

	if (!used)
		return -ENOMEM;
	settle_mark(lv->now, used);
	settle_mark(lv->before, used);
	if (lv->now->tapper)
		settle_mark(lv->beyond, used);
	for (uint32_t i = 0; i < lv->now->max_slots; i++)
		if (!used[i] && live_slot_get(lv, i) > 0)
			live_slot_clear(lv, i);
	free(used);
	return 0;
}

struct settle_sweep {
	struct live *lv;
	char name[NAME_MAX + 1];
	bool found;
};

/* place_each: a generation that is neither the running one nor the one before. */
static int settle_old(void *user, const char *name)
{
	struct settle_sweep *s = user;
	struct settle_found f = {.n = 0};

	settle_find(&f, name);
	if (!f.n || f.g[0] == s->lv->now->generation ||
	    (s->lv->before && f.g[0] == s->lv->before->generation) ||
	    (s->lv->now->tapper && s->lv->beyond && f.g[0] == s->lv->beyond->generation))
		return 0;
	snprintf(s->name, sizeof(s->name), "%s", name);
	s->found = true;
	return 1;
}

/* The maps' names for people are made anew; nothing but people uses them. */
static int settle_maps(struct live *lv)
{
	char from[160], to[160];
	int err = place_remove(&lv->place, "map");

	for (uint32_t i = 0; !err && i < lv->now->n_modules; i++) {
		const char *module = lv->now->modules[i].name;

		snprintf(from, sizeof(from), "g%u/map/%s", lv->now->generation, module);
		snprintf(to, sizeof(to), "map/%s", module);
		err = place_copy(&lv->place, from, to);
	}
	return err;
}

int live_finish(struct live *lv, struct visor_diag *diag)
{
	struct settle_sweep sweep = {.lv = lv};
	int err = live_ports_attach(lv, diag), more = 0;

	if (err)
		return err;
	do {
		sweep.found = false;
		more = place_each(&lv->place, "", settle_old, &sweep);
		if (sweep.found)
			more = settle_remove(lv, sweep.name);
	} while (sweep.found && !more);
	if (!more)
		more = settle_slots(lv);
	if (!more)
		more = settle_maps(lv);
	return more ? diag_fail(diag, more, "place",
				"generation %u is in force, but what is left of older ones cannot "
				"be removed",
				lv->now->generation)
		    : 0;
}

/* ---- taps
 * -------------------------------------------------------------------------------------------- */

int live_untap(struct live *lv, struct visor_diag *diag)
{
	struct record *tapped = lv->now;
	uint32_t done = 0;
	int err;

	if (!tapped || !tapped->tapper)
		return 0;
	if (!lv->before)
		return diag_fail(diag, -EBADMSG, "record",
				 "the generation without the taps is not there any more");
	/* From here on, whoever comes next sees an interrupted change and takes it back. */
	live_undo_writes(lv, tapped, tapped->n_writes);
	err = settle_count(lv, tapped, &done);
	if (err || done)
		return diag_fail(diag, err ? err : -EIO, "load", "cannot take the taps off");
	lv->now = lv->before;
	lv->before = tapped;
	err = live_ports_attach(lv, diag);
	lv->before = lv->beyond;
	lv->beyond = NULL;
	if (!err) {
		err = place_remove(&lv->place, "g%u", tapped->generation);
		if (err)
			diag_fail(diag, err, "place", "cannot remove the taps");
	}
	record_free(tapped);
	return err ? err : live_finish(lv, diag);
}
