/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/runner.c - see runner.h.
 *
 * The runner must not take the chain's lock: whoever starts it holds it. It reads the record of the
 * generation that it is told, and nothing else of the chain's folder but entry programs.
 */
#include "chain/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "chain/impl.h"
#include "sys/sys.h"

#define RUNNER_MAX_PORTS 256
#define RUNNER_TICK_MS	 50
#define RUNNER_WAIT_MS	 5000
#define RUNNER_TRIES	 3 /* to tell one that ends meanwhile */

struct runner_port {
	char name[64], how[96];
	uint64_t in_packets, in_bytes, out_packets, out_bytes, skipped;
};

/* The value of the map `run`. The runner writes all but `wanted`. */
struct runner_shared {
	uint32_t pid;
	uint32_t wanted; /* generation whose ports are to be open */
	uint32_t ready;	 /* the one whose ports are */
	int32_t err;	 /* of the last try */
	char error[512]; /* as in struct visor_diag */
	uint64_t packets, outcomes[CHAIN_OUTCOME_COUNT], ns;
	uint32_t n_ports;
	struct runner_port ports[RUNNER_MAX_PORTS];
};

/* ---- the lock that says it lives
 * ------------------------------------------------------------------- */

static int runner_lock_path(const struct visor *v, const char *chain, char out[PATH_MAX])
{
	char folder[PATH_MAX];

	if (snprintf(folder, sizeof(folder), "%s/run", v->path) >= PATH_MAX ||
	    snprintf(out, PATH_MAX, "%s/%s", folder, chain) >= PATH_MAX)
		return -ENAMETOOLONG;
	return mkdir(folder, 0700) && errno != EEXIST ? -errno : 0;
}

/* Descriptor of the locked file; -EWOULDBLOCK: a runner lives. */
static int runner_lock(const struct visor *v, const char *chain)
{
	char path[PATH_MAX];
	int err = runner_lock_path(v, chain, path);
	int fd = err ? err : open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return err ? err : -errno;
	if (!flock(fd, LOCK_EX | LOCK_NB))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

static bool runner_lives(const struct live *lv)
{
	int fd = runner_lock(lv->place.visor, lv->place.name);

	if (fd < 0)
		return fd == -EWOULDBLOCK;
	close(fd);
	return false;
}

/* ---- what it shows
 * ----------------------------------------------------------------------------------- */

/* The shared value, mapped; NULL: there is none. */
static struct runner_shared *runner_shared_get(const struct live *lv)
{
	int fd = place_get(&lv->place, "run");
	struct bpf_map_info info = {0};
	union bpf_attr attr = {.info = {.bpf_fd = (uint32_t)fd,
					.info_len = sizeof(info),
					.info = (uintptr_t)&info}};
	void *mem = MAP_FAILED;

	if (fd < 0)
		return NULL;
	if (load_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr)) >= 0 &&
	    info.type == BPF_MAP_TYPE_ARRAY && info.value_size == sizeof(struct runner_shared) &&
	    (info.map_flags & BPF_F_MMAPABLE))
		mem = mmap(NULL, sizeof(struct runner_shared), PROT_READ | PROT_WRITE, MAP_SHARED,
			   fd, 0);
	close(fd);
	return mem == MAP_FAILED ? NULL : mem;
}

static void runner_shared_put(struct runner_shared *s)
{
	if (s)
		munmap(s, sizeof(*s));
}

static int runner_shared_new(struct live *lv, struct visor_diag *diag)
{
	int fd = loader_map(BPF_MAP_TYPE_ARRAY, "chain_run", sizeof(struct runner_shared), 1,
			    BPF_F_MMAPABLE, diag),
	    err;

	if (fd < 0)
		return fd;
	err = place_remove(&lv->place, "run");
	if (!err)
		err = place_pin(&lv->place, fd, "run");
	close(fd);
	return err ? diag_fail(diag, err, "place", "cannot pin the runner's map") : 0;
}

void runner_port_state(struct live *lv, const struct record_port *p, struct live_port *out)
{
	struct runner_shared *s = runner_shared_get(lv);
	uint32_t n = s ? MIN(s->n_ports, (uint32_t)RUNNER_MAX_PORTS) : 0;

	out->attached = runner_lives(lv);
	if (!out->attached)
		snprintf(out->state, sizeof(out->state), "the chain's process does not run");
	for (uint32_t i = 0; i < n; i++) {
		struct runner_port port = s->ports[i];

		port.name[sizeof(port.name) - 1] = port.how[sizeof(port.how) - 1] = '\0';
		if (!strcmp(port.name, p->name))
			snprintf(out->how, sizeof(out->how), "%.*s", (int)sizeof(out->how) - 1,
				 port.how);
	}
	runner_shared_put(s);
}

/* ---- the process
 * --------------------------------------------------------------------------------------- */

struct runner {
	struct live lv; /* without the chain's lock */
	struct chain chain;
	struct plan plan;
	struct record *record; /* whose ports are open */
	struct runner_shared *shared;
	struct pollfd polls[RUNNER_MAX_PORTS];
	bool broken[RUNNER_MAX_PORTS]; /* ports that could not be opened */
};

static struct chain *runner_chain; /* for the signal handlers */
static volatile sig_atomic_t runner_told;

static void runner_end(int sig)
{
	chain_stop(runner_chain);
}

static void runner_tell(int sig)
{
	runner_told = 1;
}

static void runner_publish(struct runner *r)
{
	struct chain *c = &r->chain;
	struct runner_shared *s = r->shared;

	s->packets = c->packets;
	memcpy(s->outcomes, c->outcomes, sizeof(s->outcomes));
	s->ns = c->ns;
	for (uint32_t i = 0; i < r->plan.n_ports; i++) {
		struct runner_port *p = &s->ports[i];
		struct port_stats st;

		port_stats(c->ports[i].port, &st);
		snprintf(p->name, sizeof(p->name), "%s", c->ports[i].name);
		snprintf(p->how, sizeof(p->how), "%s", st.how);
		p->in_packets = st.in_packets;
		p->in_bytes = st.in_bytes;
		p->out_packets = st.out_packets;
		p->out_bytes = st.out_bytes;
		p->skipped = 0;
		for (uint32_t k = 0; k < PORT_SKIP_COUNT; k++)
			p->skipped += st.skipped[k];
	}
	s->n_ports = r->plan.n_ports;
}

static void runner_close_port(struct chain_port *p)
{
	port_close(p->port, NULL);
	visor_prog_free(p->entry);
	free(p->name);
	memset(p, 0, sizeof(*p));
}

static void runner_close_ports(struct runner *r)
{
	for (uint32_t i = 0; i < r->plan.n_ports; i++)
		runner_close_port(&r->chain.ports[i]);
	free(r->chain.ports);
	free(r->plan.ports);
	r->chain.ports = NULL;
	r->plan.ports = NULL;
	r->plan.n_ports = 0;
}

static int runner_open_port(struct runner *r, const struct record_port *p,
			    const struct port_config *wanted, struct chain_port *out,
			    struct visor_diag *diag)
{
	struct port_config config = *wanted;
	int fd, err;

	out->name = strdup(p->name);
	if (!out->name)
		return diag_fail(diag, -ENOMEM, "port", "no memory");
	config.send_only = p->slot == RECORD_NO_SLOT;
	err = port_open(&config, &out->port, diag);
	if (err || p->slot == RECORD_NO_SLOT) {
		if (err)
			diag_in(diag, "port %s", p->name);
		return err;
	}
	fd = place_get(&r->lv.place, "port/%s/stub", p->name);
	if (fd < 0)
		return diag_fail(diag, fd, "place", "the entry program of port '%s' is missing",
				 p->name);
	err = visor_prog_from_fd(r->lv.session.visor, fd, &out->entry, diag);
	close(fd);
	return err;
}

/* In the place of one that cannot be opened: nothing comes, and what is sent to it is counted. */
static void runner_no_port(struct chain_port *p, struct plan_port *plan)
{
	struct port_config none;

	port_close(p->port, NULL);
	visor_prog_free(p->entry);
	p->entry = NULL;
	p->port = NULL;
	plan->entry = PLAN_NOWHERE;
	port_config_init(&none);
	if (port_open(&none, &p->port, NULL))
		abort();
}

static bool runner_same_port(const struct record_port *a, const struct record_port *b)
{
	return !strcmp(a->name, b->name) && !strcmp(a->config, b->config) &&
	       a->ifindex == b->ifindex && a->slot == b->slot;
}

/* The open port that is to stay, or NULL. */
static struct chain_port *runner_find_port(struct runner *r, const struct record_port *p)
{
	for (uint32_t i = 0; r->record && i < r->plan.n_ports; i++)
		if (r->chain.ports[i].port && !r->broken[i] &&
		    runner_same_port(&r->record->ports[i], p))
			return &r->chain.ports[i];
	return NULL;
}

/* Ports of the record: those that are open already are taken over, with what waits in them. What
 * is no longer wanted is closed before others open: two may mean the same device. */
static int runner_open_ports(struct runner *r, const struct record *rec,
			     const struct chain_desc *desc, struct chain_port *ports,
			     struct plan_port *plan, struct visor_diag *diag)
{
	int err = 0;

	for (uint32_t i = 0; i < rec->n_ports; i++) {
		struct chain_port *old = runner_find_port(r, &rec->ports[i]);

		plan[i].ifindex = rec->ports[i].ifindex;
		/* Where a port's packets go is in its slot. */
		plan[i].entry = rec->ports[i].slot == RECORD_NO_SLOT ? PLAN_NOWHERE : PLAN_TO_INPUT;
		if (!old)
			continue;
		ports[i] = *old;
		memset(old, 0, sizeof(*old));
	}
	runner_close_ports(r);
	memset(r->broken, 0, sizeof(r->broken));
	r->chain.ports = ports;
	r->plan.ports = plan;
	r->plan.n_ports = rec->n_ports;
	for (uint32_t i = 0; i < rec->n_ports; i++) {
		int bad = ports[i].port
				  ? 0
				  : runner_open_port(r, &rec->ports[i], &desc->ports[i].config,
						     &ports[i], err ? NULL : diag);

		if (!bad)
			continue;
		/* The others go on without it. */
		err = err ? err : bad;
		r->broken[i] = true;
		runner_no_port(&ports[i], &plan[i]);
	}
	return err;
}

static int runner_ports(struct runner *r, uint32_t generation, struct visor_diag *diag)
{
	struct chain_desc *desc = NULL;
	struct chain_port *ports = NULL;
	struct plan_port *plan = NULL;
	struct record *rec;
	int err = live_read_record(&r->lv, generation, &rec, diag);

	if (err)
		return err == -ENOENT ? diag_fail(diag, err, "record",
						  "generation %u has no record", generation)
				      : err;
	if (rec->n_ports > RUNNER_MAX_PORTS)
		err = diag_fail(diag, -E2BIG, "port", "more than %d ports", RUNNER_MAX_PORTS);
	if (!err)
		err = chain_parse_text(rec->file, rec->text, strlen(rec->text), &desc, diag);
	if (!err && desc->n_ports != rec->n_ports)
		err = diag_fail(diag, -EBADMSG, "record", "the chain's record is damaged: ports");
	if (!err) {
		plan = calloc(rec->n_ports + 1, sizeof(*plan));
		ports = calloc(rec->n_ports + 1, sizeof(*ports));
		if (!plan || !ports)
			err = diag_fail(diag, -ENOMEM, "port", "no memory");
	}
	if (err) {
		free(plan);
		free(ports);
		chain_desc_free(desc);
		record_free(rec);
		return err;
	}
	r->chain.loader.hook = hook_get(rec->hook);
	err = runner_open_ports(r, rec, desc, ports, plan, diag);
	chain_desc_free(desc);
	record_free(r->record);
	r->record = rec;
	return err;
}

static void runner_reload(struct runner *r)
{
	struct visor_diag d = {0};
	uint32_t wanted = __atomic_load_n(&r->shared->wanted, __ATOMIC_ACQUIRE);
	int err = runner_ports(r, wanted, &d);

	snprintf(r->shared->error, sizeof(r->shared->error), "%s", d.text);
	runner_publish(r);
	__atomic_store_n(&r->shared->err, err, __ATOMIC_RELEASE);
	__atomic_store_n(&r->shared->ready, wanted, __ATOMIC_RELEASE);
}

static int runner_tick(void *user, struct chain *chain)
{
	struct runner *r = user;

	runner_publish(r);
	return runner_told;
}

/* A process of its own has nobody who reads its messages: they are in the map, too. */
static void runner_complain(struct runner *r, const struct visor_diag *d)
{
	snprintf(r->shared->error, sizeof(r->shared->error), "%s", d->text);
	visor_diag_print(d, stderr);
}

static void runner_loop(struct runner *r)
{
	struct chain_run_opts opts = {
		.sz = sizeof(opts), .tick_ms = RUNNER_TICK_MS, .on_tick = runner_tick, .user = r};

	while (!__atomic_load_n(&r->chain.stop, __ATOMIC_RELAXED)) {
		struct visor_diag d = {0};
		int err;

		if (runner_told) {
			runner_told = 0;
			runner_reload(r);
		}
		err = chain_run(&r->chain, &opts, &d);
		if (err < 0 && d.text[0])
			runner_complain(r, &d);
		runner_publish(r);
		/* All sources have ended, or one broke: what is left is to be told what next. */
		if (!runner_told && !__atomic_load_n(&r->chain.stop, __ATOMIC_RELAXED))
			nanosleep(&(struct timespec){.tv_nsec = RUNNER_TICK_MS * 1000000L}, NULL);
	}
}

static void runner_signals(struct runner *r)
{
	struct sigaction end = {.sa_handler = runner_end}, tell = {.sa_handler = runner_tell};

	runner_chain = &r->chain;
	sigaction(SIGTERM, &end, NULL);
	sigaction(SIGINT, &end, NULL);
	sigaction(SIGHUP, &tell, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static void runner_say(int ready, const struct visor_diag *d)
{
	if (ready < 0)
		return;
	while (write(ready, d, sizeof(*d)) < 0 && errno == EINTR)
		;
	close(ready);
}

static int runner_begin(struct runner *r, const char *state, const char *chain, int *lock,
			struct visor_diag *diag)
{
	static const struct live_opts no_opts;
	VISOR_OPTS(visor_opts, opts, .state = state);
	int err = visor_open(&opts, &r->chain.own, diag);

	if (err)
		return err;
	if (*lock < 0)
		*lock = runner_lock(r->chain.own, chain);
	if (*lock == -EWOULDBLOCK)
		return diag_fail(diag, -EBUSY, "run", "chain '%s' is run by a process already",
				 chain);
	if (*lock < 0)
		return diag_fail(diag, *lock, "run", "cannot lock the chain for its process");
	r->lv.opts = &no_opts;
	r->lv.session.visor = r->chain.session.visor = r->chain.own;
	r->lv.slots_fd = r->lv.counters_fd = -1;
	err = place_look(&r->lv.place, r->chain.own, chain, diag);
	if (err)
		return err;
	r->lv.outside = load_enter(&r->lv.session);
	r->chain.plan = &r->plan;
	r->chain.polls = r->polls;
	r->chain.batch = port_batch_new();
	r->shared = runner_shared_get(&r->lv);
	if (!r->chain.batch || !r->shared)
		return diag_fail(diag, r->shared ? -ENOMEM : -ENOENT, "run", "%s",
				 r->shared ? "no memory" : "the chain is not up");
	runner_signals(r);
	/* Who sets `wanted` and sees no process yet need not tell: it is read after this. */
	__atomic_store_n(&r->shared->pid, (uint32_t)getpid(), __ATOMIC_SEQ_CST);
	err = runner_ports(r, __atomic_load_n(&r->shared->wanted, __ATOMIC_SEQ_CST), diag);
	if (!err) {
		runner_publish(r);
		r->shared->err = 0;
		__atomic_store_n(&r->shared->ready, r->record->generation, __ATOMIC_RELEASE);
	}
	return err;
}

/* lock: that of the runner, which is this function's from here on; -1: it is to be taken. */
static int runner_run(const char *state, const char *chain, int lock, int ready,
		      struct visor_diag *diag)
{
	struct runner r = {.chain.loader.session = NULL};
	struct visor_diag ok = {0}, why = {0};
	int err = runner_begin(&r, state, chain, &lock, &why);

	runner_say(ready, err ? &why : &ok);
	if (err && diag)
		*diag = why;
	if (!err)
		runner_loop(&r);
	runner_close_ports(&r);
	record_free(r.record);
	port_batch_free(r.chain.batch);
	runner_shared_put(r.shared);
	if (r.lv.session.visor)
		load_enter(r.lv.outside);
	visor_close(r.chain.own);
	if (lock >= 0)
		close(lock);
	return err;
}

int runner_main(const char *state, const char *chain, int ready, struct visor_diag *diag)
{
	return runner_run(state, chain, -1, ready, diag);
}

/* ---- starting, telling, stopping
 * -------------------------------------------------------------------------- */

/* The process forgets all that it was born with, the chain's lock above all, but its own lock: so
 * there is no moment in which nobody holds it. */
static void runner_child(const struct live *lv, int lock, int ready)
{
	enum { KEEP_READY = 3, KEEP_LOCK, KEEP_END, AWAY = 16 };
	int null = open("/dev/null", O_RDWR);

	setsid();
	if (fork())
		_exit(0);
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		/* Who reads what the command says would wait for this process's end. */
		dup2(null, STDERR_FILENO);
	}
	ready = fcntl(ready, F_DUPFD, AWAY);
	lock = fcntl(lock, F_DUPFD, AWAY);
	if (dup2(ready, KEEP_READY) < 0 || dup2(lock, KEEP_LOCK) < 0)
		_exit(1);
	close_range(KEEP_END, ~0U, 0);
	fcntl(KEEP_READY, F_SETFD, FD_CLOEXEC);
	fcntl(KEEP_LOCK, F_SETFD, FD_CLOEXEC);
	load_enter(NULL);
	_exit(runner_run(lv->place.visor->path, lv->place.name, KEEP_LOCK, KEEP_READY, NULL) ? 1
											     : 0);
}

static int runner_start(struct live *lv, int lock, struct visor_diag *diag)
{
	struct visor_diag said = {0};
	int pipes[2], status;
	ssize_t n;
	pid_t pid;

	fflush(NULL);
	if (pipe2(pipes, O_CLOEXEC))
		return diag_fail(diag, -errno, "run", "cannot start the chain's process");
	pid = fork();
	if (!pid)
		runner_child(lv, lock, pipes[1]);
	close(pipes[1]);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	do
		n = pid < 0 ? -1 : read(pipes[0], &said, sizeof(said));
	while (n < 0 && pid > 0 && errno == EINTR);
	close(pipes[0]);
	if (n != (ssize_t)sizeof(said))
		return diag_fail(diag, -ECHILD, "run", "the chain's process did not come up");
	if (said.err && diag)
		*diag = said;
	return said.err;
}

static void runner_pause(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
}

/* One that has just been started and has no number yet need not be told. */
static void runner_signal(const struct runner_shared *s, int sig)
{
	uint32_t pid = __atomic_load_n(&s->pid, __ATOMIC_SEQ_CST);

	if (pid && pid <= INT32_MAX)
		kill((pid_t)pid, sig);
}

/* -ESRCH: it has ended. */
static int runner_reopen(struct live *lv, struct runner_shared *s, struct visor_diag *diag)
{
	uint32_t generation = lv->now->generation;

	for (int i = 0; i < RUNNER_WAIT_MS * 5; i++) {
		if (!(i % 500)) {
			if (!runner_lives(lv))
				return diag_fail(diag, -ESRCH, "run",
						 "the chain's process has ended");
			runner_signal(s, SIGHUP);
		}
		runner_pause();
		if (__atomic_load_n(&s->ready, __ATOMIC_ACQUIRE) == generation) {
			int err = __atomic_load_n(&s->err, __ATOMIC_ACQUIRE);

			return err ? diag_fail(diag, err, "port", "%.*s", (int)sizeof(s->error) - 1,
					       s->error)
				   : 0;
		}
	}
	return diag_fail(diag, -ETIMEDOUT, "run",
			 "the chain's process %u has not opened its ports in %d s", s->pid,
			 RUNNER_WAIT_MS / 1000);
}

/* A change that leaves the ports alone is none for the runner. */
static bool runner_same_ports(const struct record *a, const struct record *b)
{
	if (a->n_ports != b->n_ports)
		return false;
	for (uint32_t i = 0; i < a->n_ports; i++)
		if (!runner_same_port(&a->ports[i], &b->ports[i]))
			return false;
	return true;
}

/* Under the runner's lock: there is none. */
static int runner_settle_new(struct live *lv, int lock, struct visor_diag *diag)
{
	struct runner_shared *s = runner_shared_get(lv);
	int err = s ? 0 : runner_shared_new(lv, diag);

	if (!err && !s)
		s = runner_shared_get(lv);
	if (!s)
		return err ? err : diag_fail(diag, -ENOMEM, "run", "cannot map the runner's map");
	memset(s, 0, sizeof(*s));
	__atomic_store_n(&s->wanted, lv->now->generation, __ATOMIC_SEQ_CST);
	runner_shared_put(s);
	return lv->opts->foreground ? 0 : runner_start(lv, lock, diag);
}

static int runner_settle_old(struct live *lv, struct visor_diag *diag)
{
	struct runner_shared *s = runner_shared_get(lv);
	uint32_t generation = lv->now->generation;
	int err = 0;

	if (!s)
		return diag_fail(diag, -ENOENT, "run",
				 "the chain's process lives, but its map is not in the chain's "
				 "folder");
	if (!s->err && s->ready == s->wanted && lv->before && s->ready == lv->before->generation &&
	    runner_same_ports(lv->before, lv->now)) {
		/* The name is all that changes. */
		s->wanted = s->ready = generation;
	} else if (s->err || s->ready != generation || s->wanted != generation) {
		s->ready = 0;
		__atomic_store_n(&s->wanted, generation, __ATOMIC_SEQ_CST);
		err = runner_reopen(lv, s, diag);
	}
	runner_shared_put(s);
	return err;
}

int runner_settle(struct live *lv, struct visor_diag *diag)
{
	int err = 0;

	for (int i = 0; i < RUNNER_TRIES; i++) {
		int lock = runner_lock(lv->place.visor, lv->place.name);

		if (lock < 0 && lock != -EWOULDBLOCK)
			return diag_fail(diag, lock, "run",
					 "cannot lock the chain for its process");
		err = lock >= 0 ? runner_settle_new(lv, lock, diag) : runner_settle_old(lv, diag);
		if (lock >= 0)
			close(lock);
		if (err != -ESRCH)
			break;
	}
	return err;
}

int runner_stop(struct live *lv, struct visor_diag *diag)
{
	struct runner_shared *s = runner_shared_get(lv);
	int err = 0;

	for (int i = 0; i < RUNNER_WAIT_MS * 5 && runner_lives(lv); i++) {
		if (s && !(i % 500))
			runner_signal(s, SIGTERM);
		runner_pause();
	}
	if (runner_lives(lv)) {
		err = diag_fail(diag, -ETIMEDOUT, "run", "the chain's process %u does not end",
				s ? s->pid : 0);
		if (s)
			diag_hint(diag, "kill -9 %u", s->pid);
	}
	runner_shared_put(s);
	return err;
}
