/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz/driver.c - runs a fuzzer without libFuzzer, as a bounded and repeatable test.
 *
 *   fuzz_NAME [-runs=N] [-seconds=N] [-seed=N] [-max_len=N] FILE|FOLDER...
 *
 * Every file is run once; then mutations of the files, until -runs (100000) or -seconds (3) are
 * used up. The same seed gives the same mutations in the same order. An input that crashes,
 * trips a sanitizer or takes longer than HANG_SECONDS is written to $VISOR_BUILD (else the
 * current folder) as crash-NAME-NUMBER before the program dies; `fuzz_NAME -runs=0 FILE` runs
 * it again. Environment: FUZZ_RUNS, FUZZ_SECONDS, FUZZ_SEED are the defaults of the options.
 *
 * Invariant: the running input is always in `current`, an allocation of exactly its size, so
 * that a sanitizer sees every access beyond it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "base/util.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
__attribute__((weak)) int LLVMFuzzerInitialize(int *argc, char ***argv);
__attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)(void));

#define HANG_SECONDS 20

struct input {
	uint8_t *data;
	size_t size;
};

static struct input *seeds;
static size_t n_seeds;

static uint8_t *current;
static size_t current_size;
static unsigned long runs_done;

static char crash_path[4096];
static uint64_t state = 1;
static unsigned long max_runs = 100000, max_seconds = 3, max_len = 4096;

/* ---- crashes ------------------------------------------------------------------------- */

static void say(const char *s)
{
	ssize_t n = write(2, s, strlen(s));

	(void)n;
}

/* Only what is safe in a signal handler. */
static void save_current(void)
{
	size_t done = 0;
	int fd;

	if (!current)
		return;
	fd = open(crash_path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	while (fd >= 0 && done < current_size) {
		ssize_t n = write(fd, current + done, current_size - done);

		if (n <= 0)
			break;
		done += (size_t)n;
	}
	say(done == current_size ? "\nfuzz: the input is in " : "\nfuzz: cannot write ");
	say(crash_path);
	say("\n");
	current = NULL;
}

static void on_crash(int signo)
{
	save_current();
	signal(signo, SIG_DFL);
	raise(signo);
}

static void on_tick(int signo)
{
	static unsigned long last = (unsigned long)-1;
	static int ticks;

	ticks = runs_done == last ? ticks + 1 : 0;
	last = runs_done;
	if (ticks < HANG_SECONDS)
		return;
	say("\nfuzz: the input takes too long");
	save_current();
	signal(SIGABRT, SIG_DFL);
	abort();
}

static void watch(const char *name)
{
	static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
	struct itimerval second = {.it_interval = {.tv_sec = 1}, .it_value = {.tv_sec = 1}};
	const char *folder = getenv("VISOR_BUILD");

	snprintf(crash_path, sizeof(crash_path), "%s/crash-%s-%d", folder ? folder : ".", name,
		 (int)getpid());
	/* A sanitizer has its own handlers, which print more than a signal. */
	if (__sanitizer_set_death_callback)
		__sanitizer_set_death_callback(save_current);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		if (!__sanitizer_set_death_callback || signals[i] == SIGABRT)
			signal(signals[i], on_crash);
	signal(SIGALRM, on_tick);
	setitimer(ITIMER_REAL, &second, NULL);
}

/* ---- inputs -------------------------------------------------------------------------- */

static void run(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	if (!copy) {
		perror("fuzz");
		exit(1);
	}
	memcpy(copy, data, size);
	current_size = size;
	current = copy;
	LLVMFuzzerTestOneInput(copy, size);
	current = NULL;
	free(copy);
	runs_done++;
}

static void add_seed(const char *path)
{
	FILE *f = fopen(path, "rb");
	struct input *grown = realloc(seeds, (n_seeds + 1) * sizeof(*seeds));
	struct input in = {.data = malloc(1 << 20)};

	if (!f || !grown || !in.data) {
		fprintf(stderr, "fuzz: %s: %s\n", path, strerror(errno));
		exit(1);
	}
	in.size = fread(in.data, 1, 1 << 20, f);
	fclose(f);
	seeds = grown;
	seeds[n_seeds++] = in;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_visible(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

/* A file, or all files of a folder in the order of their names. */
static void add_seeds(const char *path)
{
	struct dirent **names;
	struct stat st;
	int n;

	if (stat(path, &st) || !S_ISDIR(st.st_mode)) {
		add_seed(path);
		return;
	}
	n = scandir(path, &names, is_visible, by_name);
	for (int i = 0; i < n; i++) {
		char file[4096];

		snprintf(file, sizeof(file), "%s/%s", path, names[i]->d_name);
		add_seed(file);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
}

/* ---- mutations ----------------------------------------------------------------------- */

static uint64_t rnd(void)
{
	uint64_t z = (state += 0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

static size_t below(size_t n)
{
	return n ? (size_t)(rnd() % n) : 0;
}

/* Puts src[0..n) in place of buf[at..at + gone). Returns the new size. */
static size_t replace(uint8_t *buf, size_t size, size_t at, size_t gone, const uint8_t *src,
		      size_t n)
{
	gone = MIN(gone, size - at);
	n = MIN(n, max_len - (size - gone));
	memmove(buf + at + n, buf + at + gone, size - at - gone);
	memcpy(buf + at, src, n);
	return size - gone + n;
}

/* An 8-byte number that programs tend to treat specially. */
static uint64_t interesting(void)
{
	static const uint64_t v[] = {0,
				     1,
				     2,
				     7,
				     8,
				     16,
				     32,
				     63,
				     64,
				     127,
				     128,
				     255,
				     256,
				     511,
				     512,
				     4096,
				     0x7fff,
				     0x8000,
				     0xffff,
				     0x7fffffff,
				     0x80000000,
				     0xffffffff,
				     0x7fffffffffffffff,
				     0x8000000000000000,
				     0xffffffffffffffff};

	return v[below(ARRAY_SIZE(v))];
}

static size_t mutate(uint8_t *buf, size_t size)
{
	const struct input *other = &seeds[below(n_seeds)];
	size_t at = below(size + 1), n = 1 + below(rnd() % 8 ? 8 : 128);
	uint64_t number = interesting();
	uint8_t piece[128];

	switch (rnd() % 9) {
	case 0: /* flip a bit */
		if (at < size)
			buf[at] ^= (uint8_t)(1u << below(8));
		return size;
	case 1: /* random byte */
		if (at < size)
			buf[at] = (uint8_t)rnd();
		return size;
	case 2: /* number, in the place of as many bytes */
		n = (size_t)1 << below(4);
		return replace(buf, size, at, n, (uint8_t *)&number, MIN(n, size - at));
	case 3: /* random bytes more */
		for (size_t i = 0; i < n; i++)
			piece[i] = (uint8_t)rnd();
		return replace(buf, size, at, 0, piece, n);
	case 4: /* a piece less */
		return replace(buf, size, at, n, piece, 0);
	case 5: /* the end missing */
		return rnd() % 8 ? size : at;
	case 6: { /* a piece of this one again, elsewhere */
		size_t from = below(size + 1);

		n = MIN(n, size - from);
		memcpy(piece, buf + from, n);
		return replace(buf, size, at, rnd() & 1 ? n : 0, piece, n);
	}
	case 7: { /* a piece of another one */
		size_t from = below(other->size + 1);

		n = MIN(n, other->size - from);
		return replace(buf, size, at, rnd() & 1 ? n : 0, other->data + from, n);
	}
	default: /* a number in decimal or hex, for texts */
		n = (size_t)snprintf((char *)piece, sizeof(piece), rnd() & 1 ? "%lld" : "0x%llx",
				     (long long)number);
		return replace(buf, size, at, below(8), piece, n);
	}
}

static void run_mutation(uint8_t *buf)
{
	const struct input *seed = &seeds[below(n_seeds)];
	size_t size = MIN(seed->size, max_len);
	uint64_t most = rnd() % 4 ? 4 : 24;

	memcpy(buf, seed->data, size);
	for (uint64_t i = 1 + rnd() % most; i; i--)
		size = mutate(buf, size);
	run(buf, size);
}

/* ---- main ---------------------------------------------------------------------------- */

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Sets *value from "-name=N" or from the environment. */
static bool option(const char *arg, const char *name, unsigned long *value)
{
	size_t len = strlen(name);

	if (strncmp(arg, name, len) || arg[len] != '=')
		return false;
	*value = strtoul(arg + len + 1, NULL, 0);
	return true;
}

static void from_environment(const char *name, unsigned long *value)
{
	const char *s = getenv(name);

	if (s && *s)
		*value = strtoul(s, NULL, 0);
}

int main(int argc, char **argv)
{
	const char *name = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
	unsigned long seed = 1, mutations = 0;
	uint8_t *buf;
	double start;

	from_environment("FUZZ_RUNS", &max_runs);
	from_environment("FUZZ_SECONDS", &max_seconds);
	from_environment("FUZZ_SEED", &seed);
	if (LLVMFuzzerInitialize)
		LLVMFuzzerInitialize(&argc, &argv);
	for (int i = 1; i < argc; i++)
		if (!option(argv[i], "-runs", &max_runs) &&
		    !option(argv[i], "-seconds", &max_seconds) &&
		    !option(argv[i], "-seed", &seed) && !option(argv[i], "-max_len", &max_len))
			add_seeds(argv[i]);
	if (!n_seeds) {
		fprintf(stderr, "fuzz: no seeds: name a file or a folder\n");
		return 1;
	}
	state = seed;
	buf = malloc(max_len + 1);
	if (!buf)
		return 1;
	watch(name);
	start = now();
	for (size_t i = 0; i < n_seeds; i++)
		run(seeds[i].data, seeds[i].size);
	while (mutations < max_runs && now() - start < (double)max_seconds) {
		run_mutation(buf);
		mutations++;
	}
	printf("%s: %zu seeds and %lu mutations in %.1f s, random seed %lu\n", name, n_seeds,
	       mutations, now() - start, seed);
	for (size_t i = 0; i < n_seeds; i++)
		free(seeds[i].data);
	free(seeds);
	free(buf);
	return 0;
}
