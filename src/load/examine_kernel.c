/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load/examine_kernel.c - the running kernel's verdict, asked for with the same bytes.
 *
 * Each program is loaded alone, by a libbpf of its own, and closed again: it is not attached, and
 * nothing stays. The attributes pass through a session, which asks for the log and lends arenas the
 * address that their loader would give them.
 */
#include "load/exam.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define KERNEL_LOG_SIZE	    (1u << 20)
#define KERNEL_LOG_SIZE_ALL (128u << 20) /* with states */
#define KERNEL_LOG_STATS    4		 /* BPF_LOG_STATS */
#define KERNEL_MAX_ARENAS   8

struct kernel_exam {
	struct exam *e;
	struct load_session session, direct;
	char *log;
	uint32_t log_size;
	struct {
		void *mem;
		size_t size;
	} arenas[KERNEL_MAX_ARENAS];
	uint32_t n_arenas;
};

static bool kernel_wanted(const struct exam *e, const struct examined *p)
{
	return e->alone == p && p->kernel.verdict == EXAMINE_NONE;
}

static struct examine_result *kernel_result(struct examined *p)
{
	return &p->kernel;
}

/* ---- what the log says -------------------------------------------------------------------- */

static bool line_is_statistics(const char *line)
{
	static const char *const begins[] = {"processed ", "verification time ", "stack depth "};

	for (size_t i = 0; i < ARRAY_SIZE(begins); i++)
		if (!strncmp(line, begins[i], strlen(begins[i])))
			return true;
	return !*line || *line == '\n';
}

static void kernel_read_log(struct examine_result *r, const char *log, int err)
{
	const char *last = NULL, *line = log;
	unsigned long long usec;
	unsigned insns;

	for (; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		if (sscanf(line, "verification time %llu usec", &usec) == 1)
			r->time_ns = usec * 1000;
		else if (sscanf(line, "processed %u insns", &insns) == 1)
			r->insns_processed = insns;
		if (!line_is_statistics(line))
			last = line;
	}
	if (!err)
		exam_result(r, EXAMINE_ACCEPTED, 0, "%s", "");
	else if (last)
		exam_result(r, EXAMINE_REJECTED, err, "%.*s", (int)strcspn(last, "\n"), last);
	else
		exam_result(r, err == -EPERM ? EXAMINE_ERROR : EXAMINE_REJECTED, err, "%s (no log)",
			    strerror(-err));
}

/* ---- bpf(2), on its way ------------------------------------------------------------------- */

static int kernel_call(struct kernel_exam *k, int cmd, union bpf_attr *attr, unsigned int size)
{
	struct load_session *before = load_enter(&k->direct);
	int ret = load_bpf(cmd, attr, size);

	load_enter(before);
	return ret;
}

static int kernel_map(struct kernel_exam *k, union bpf_attr *attr, unsigned int size)
{
	int fd = kernel_call(k, BPF_MAP_CREATE, attr, size);
	size_t bytes = (size_t)attr->max_entries * (size_t)sysconf(_SC_PAGESIZE);
	void *mem;

	if (fd < 0 || attr->map_type != BPF_MAP_TYPE_ARENA || k->n_arenas == KERNEL_MAX_ARENAS)
		return fd;
	mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (mem != MAP_FAILED) {
		k->arenas[k->n_arenas].mem = mem;
		k->arenas[k->n_arenas++].size = bytes;
	}
	return fd;
}

static int kernel_prog(struct kernel_exam *k, union bpf_attr *attr, unsigned int size)
{
	union {
		union bpf_attr attr;
		uint8_t bytes[512];
	} copy = {0};
	struct exam *e = k->e;
	struct examine_result *r;
	int prog, ret;

	if (size > sizeof(copy))
		return -E2BIG;
	memcpy(&copy, attr, size);
	prog = exam_program(e, &copy.attr);
	if (prog < 0)
		return kernel_call(k, BPF_PROG_LOAD, attr, size);
	r = &e->x->progs[prog].kernel;
	copy.attr.log_level = e->opts->log_level | KERNEL_LOG_STATS;
	copy.attr.log_buf = (uintptr_t)k->log;
	copy.attr.log_size = k->log_size;
	k->log[0] = '\0';
	ret = kernel_call(k, BPF_PROG_LOAD, &copy.attr,
			  MAX(size, offsetof(union bpf_attr, core_relo_rec_size) + 4));
	kernel_read_log(r, k->log, MIN(ret, 0));
	if (e->opts->log_level && !r->log) {
		r->log = strdup(k->log);
		r->log_len = r->log ? strlen(r->log) : 0;
	}
	return ret;
}

static int kernel_bpf(void *user, int cmd, union bpf_attr *attr, unsigned int size)
{
	switch (cmd) {
	case BPF_MAP_CREATE:
		return kernel_map(user, attr, size);
	case BPF_PROG_LOAD:
		return kernel_prog(user, attr, size);
	default:
		return kernel_call(user, cmd, attr, size);
	}
}

/* ---- programs ----------------------------------------------------------------------------- */

/* The thread as one of a user without capabilities; *saved is for kernel_restore. */
static bool kernel_drop(struct __user_cap_data_struct saved[2])
{
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct none[2];

	if (syscall(SYS_capget, &head, saved))
		return false;
	memcpy(none, saved, sizeof(none));
	none[0].effective = none[1].effective = 0;
	return !syscall(SYS_capset, &head, none);
}

static void kernel_restore(const struct __user_cap_data_struct saved[2])
{
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};

	syscall(SYS_capset, &head, saved);
}

static void kernel_one(struct kernel_exam *k, struct examined *p)
{
	struct exam *e = k->e;
	struct visor_diag diag = {0};
	int err;

	e->alone = p;
	err = exam_open(e, kernel_wanted, kernel_result, &diag);
	if (!err && p->kernel.verdict == EXAMINE_NONE) {
		err = exam_load(e);
		if (p->kernel.verdict == EXAMINE_NONE)
			exam_result(&p->kernel, EXAMINE_ERROR, err, "%s",
				    e->said.first[0] ? e->said.first : "libbpf did not load it");
	} else if (err) {
		exam_result(&p->kernel, EXAMINE_ERROR, err, "%s", diag.text);
	}
	exam_close(e);
	for (uint32_t i = 0; i < k->n_arenas; i++)
		munmap(k->arenas[i].mem, k->arenas[i].size);
	k->n_arenas = 0;
}

void exam_kernel(struct exam *e)
{
	struct kernel_exam k = {.e = e, .log_size = KERNEL_LOG_SIZE};
	struct __user_cap_data_struct saved[2];
	struct load_session *before;
	struct visor_diag diag = {0};
	bool dropped = false;

	k.session.bpf = kernel_bpf;
	k.session.user = &k;
	if (e->opts->log_level)
		k.log_size = KERNEL_LOG_SIZE_ALL;
	k.log = malloc(k.log_size);
	if (!k.log)
		return;
	e->module_fd = NULL;
	before = load_enter(&k.session);
	/* Once with no program wanted, for the names. */
	if (!exam_open(e, kernel_wanted, kernel_result, &diag))
		exam_close(e);
	if (e->opts->unprivileged)
		dropped = kernel_drop(saved);
	for (uint32_t i = 0; i < e->x->n_progs; i++)
		if (!e->x->progs[i].skip)
			kernel_one(&k, &e->x->progs[i]);
	if (dropped)
		kernel_restore(saved);
	load_enter(before);
	e->alone = NULL;
	free(k.log);
}
