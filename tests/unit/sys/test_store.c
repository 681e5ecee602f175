/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Objects live as long as something holds them: a descriptor, a pin, a program, a program
 * array; in this process or another. State directories outlive processes, and are hostile.
 */
#include "engine.h"

#include <dirent.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

static const struct bpf_insn pass[] = {MOV_IMM(0, 2), EXIT()};

static char state_dir[64];

/* Each test runs on a private engine and on one with a state directory. */
static struct visor *open_both(void **state, bool with_dir)
{
	if (with_dir) {
		state_new(state_dir);
		return engine_new(state_dir);
	}
	return engine_new(NULL);
}

static void close_both(struct visor *v, bool with_dir)
{
	visor_close(v);
	if (with_dir)
		state_remove(state_dir);
}

#define BOTH(name)                                         \
	static void name##_on(struct visor *v);            \
	static void name##_private(void **state)           \
	{                                                  \
		struct visor *v = open_both(state, false); \
		name##_on(v);                              \
		close_both(v, false);                      \
	}                                                  \
	static void name##_dir(void **state)               \
	{                                                  \
		struct visor *v = open_both(state, true);  \
		name##_on(v);                              \
		close_both(v, true);                       \
	}                                                  \
	static void name##_on(struct visor *v)

/* A program that uses the map. */
static int prog_with_map(struct visor *v, int map)
{
	const struct bpf_insn insns[] = {
		LD64(1, BPF_PSEUDO_MAP_FD, map, 0),
		MOV_IMM(0, 2),
		EXIT(),
	};

	return prog_on(v, BPF_PROG_TYPE_XDP, insns, 4);
}

BOTH(descriptors_keep)
{
	int a = map_on(v, BPF_MAP_TYPE_ARRAY, 4, 8, 1, 0), b, dup;
	uint32_t id, again;

	assert_true(a >= 0);
	assert_int_equal(fcntl(a, F_GETFD), FD_CLOEXEC);
	assert_int_equal(next_id(v, BPF_MAP_GET_NEXT_ID, 0, &id), 0);
	b = BPF(v, BPF_MAP_GET_FD_BY_ID, .map_id = id);
	assert_true(b >= 0);
	close(a);
	dup = fcntl(b, F_DUPFD_CLOEXEC, 100);
	close(b);
	assert_int_equal(count_ids(v, BPF_MAP_GET_NEXT_ID), 1);
	close(dup);
	/* Found dead where it is looked for, not only by the next creation. */
	assert_int_equal(BPF(v, BPF_MAP_GET_FD_BY_ID, .map_id = id), -ENOENT);
	assert_int_equal(count_ids(v, BPF_MAP_GET_NEXT_ID), 0);
	a = map_on(v, BPF_MAP_TYPE_ARRAY, 4, 8, 1, 0);
	assert_int_equal(next_id(v, BPF_MAP_GET_NEXT_ID, 0, &again), 0);
	assert_true(again > id); /* never reused */
	close(a);
}

BOTH(mapping_keeps)
{
	int fd = map_on(v, BPF_MAP_TYPE_ARRAY, 4, 8, 1, BPF_F_MMAPABLE);
	const uint32_t key = 0;
	uint64_t value = 42, *mem;
	uint32_t id;

	assert_true(fd >= 0);
	assert_int_equal(map_update_on(v, fd, &key, &value), 0);
	mem = mmap(NULL, 8, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(mem, MAP_FAILED);
	close(fd);
	assert_int_equal(*mem, 42);
	*mem = 43;
	assert_int_equal(next_id(v, BPF_MAP_GET_NEXT_ID, 0, &id), 0);
	fd = BPF(v, BPF_MAP_GET_FD_BY_ID, .map_id = id);
	assert_true(fd >= 0);
	assert_int_equal(map_lookup_on(v, fd, &key, &value), 0);
	assert_int_equal(value, 43);
	munmap(mem, 8);
	close(fd);
	assert_int_equal(count_ids(v, BPF_MAP_GET_NEXT_ID), 0);
}

BOTH(programs_keep_maps)
{
	int map = map_on(v, BPF_MAP_TYPE_HASH, 4, 8, 16, 0), prog = prog_with_map(v, map);

	assert_true(prog >= 0);
	close(map);
	assert_int_equal(count_ids(v, BPF_MAP_GET_NEXT_ID), 1);
	close(prog);
	assert_int_equal(count_ids(v, BPF_PROG_GET_NEXT_ID), 0);
	assert_int_equal(count_ids(v, BPF_MAP_GET_NEXT_ID), 0);
}

BOTH(arrays_keep_programs)
{
	int array = map_on(v, BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 4, 0), prog, map;
	const uint32_t key = 1;
	uint32_t id;

	map = map_on(v, BPF_MAP_TYPE_HASH, 4, 8, 16, 0);
	prog = prog_with_map(v, map);
	assert_int_equal(map_update_on(v, array, &key, &prog), 0);
	assert_int_equal(map_lookup_on(v, array, &key, &id), 0);
	close(prog);
	close(map);
	assert_int_equal(count_ids(v, BPF_PROG_GET_NEXT_ID), 1);
	assert_int_equal(count_ids(v, BPF_MAP_GET_NEXT_ID), 2);
	prog = BPF(v, BPF_PROG_GET_FD_BY_ID, .prog_id = id);
	assert_true(prog >= 0);
	close(prog);
	assert_int_equal(BPF(v, BPF_MAP_DELETE_ELEM, .map_fd = (uint32_t)array, .key = PTR(&key)),
			 0);
	assert_int_equal(count_ids(v, BPF_PROG_GET_NEXT_ID), 0);
	assert_int_equal(count_ids(v, BPF_MAP_GET_NEXT_ID), 1);
	close(array);
	assert_int_equal(count_ids(v, BPF_MAP_GET_NEXT_ID), 0);
}

/* A program that tail-calls itself through an array: a circle that nobody holds. */
BOTH(circles_go)
{
	int array = map_on(v, BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 1, 0), prog;
	const struct bpf_insn insns[] = {
		LD64(2, BPF_PSEUDO_MAP_FD, array, 0),
		MOV_IMM(3, 0),
		CALL(BPF_FUNC_tail_call),
		MOV_IMM(0, 2),
		EXIT(),
	};
	uint8_t data[64] = {0};
	union bpf_attr attr;
	const uint32_t key = 0;

	prog = prog_on(v, BPF_PROG_TYPE_XDP, insns, 6);
	assert_true(prog >= 0);
	assert_int_equal(map_update_on(v, array, &key, &prog), 0);
	memset(&attr, 0, sizeof(attr));
	attr.test.prog_fd = (uint32_t)prog;
	attr.test.data_in = PTR(data);
	attr.test.data_size_in = sizeof(data);
	assert_int_equal(bpf_on(v, BPF_PROG_TEST_RUN, &attr, sizeof(attr)), 0);
	assert_int_equal(attr.test.retval, 2);
	close(array);
	assert_int_equal(count_ids(v, BPF_MAP_GET_NEXT_ID), 1);
	close(prog);
	assert_int_equal(count_ids(v, BPF_MAP_GET_NEXT_ID), 0);
	assert_int_equal(count_ids(v, BPF_PROG_GET_NEXT_ID), 0);
}

BOTH(bound_maps)
{
	int map = map_on(v, BPF_MAP_TYPE_ARRAY, 4, 8, 1, 0);
	int prog = prog_on(v, BPF_PROG_TYPE_XDP, pass, 2);
	struct bpf_prog_info info = {0};
	uint32_t len = sizeof(info), ids[4] = {0};

	for (int i = 0; i < 2; i++) /* the second time changes nothing */
		assert_int_equal(BPF(v, BPF_PROG_BIND_MAP, .prog_bind_map.prog_fd = (uint32_t)prog,
				     .prog_bind_map.map_fd = (uint32_t)map),
				 0);
	close(map);
	assert_int_equal(count_ids(v, BPF_MAP_GET_NEXT_ID), 1);
	info.nr_map_ids = 4;
	info.map_ids = PTR(ids);
	assert_int_equal(info_of(v, prog, &info, &len), 0);
	assert_int_equal(info.nr_map_ids, 1);
	assert_int_not_equal(ids[0], 0);
	close(prog);
	assert_int_equal(count_ids(v, BPF_MAP_GET_NEXT_ID), 0);
}

static int pin(struct visor *v, int fd, const char *path)
{
	return BPF(v, BPF_OBJ_PIN, .bpf_fd = (uint32_t)fd, .pathname = PTR(path));
}

static int get(struct visor *v, const char *path)
{
	return BPF(v, BPF_OBJ_GET, .pathname = PTR(path));
}

BOTH(pins)
{
	int map = map_on(v, BPF_MAP_TYPE_HASH, 4, 8, 16, 0), prog = prog_with_map(v, map), again;
	char longer[5000];
	const uint32_t key = 7;
	uint64_t value = 77;

	assert_int_equal(map_update_on(v, map, &key, &value), 0);
	assert_int_equal(pin(v, prog, "/sys/fs/bpf/a/prog"), 0);
	assert_int_equal(pin(v, map, "/sys/fs/bpf/a/prog"), -EEXIST);
	assert_int_equal(pin(v, map, "/sys/fs/bpf/../../etc/x"), -EPERM);
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(pin(v, map, longer), -ENAMETOOLONG);
	assert_int_equal(pin(v, map, ""), -ENOENT);
	assert_int_equal(BPF(v, BPF_OBJ_PIN, .bpf_fd = (uint32_t)map, .pathname = 16), -EFAULT);
	close(map);
	close(prog);
	assert_int_equal(count_ids(v, BPF_PROG_GET_NEXT_ID), 1);
	assert_int_equal(count_ids(v, BPF_MAP_GET_NEXT_ID), 1);
	prog = get(v, "/sys/fs/bpf//a/./prog");
	assert_true(prog >= 0);
	assert_int_equal(get(v, "/sys/fs/bpf/b"), -ENOENT);
	assert_true(get(v, "/sys/fs/bpf/a/prog/b") < 0);
	again = visor_unpin(v, "/sys/fs/bpf/a/prog");
	assert_int_equal(again, 0);
	assert_int_equal(visor_unpin(v, "/sys/fs/bpf/a/prog"), -ENOENT);
	assert_int_equal(count_ids(v, BPF_PROG_GET_NEXT_ID), 1);
	close(prog);
	assert_int_equal(count_ids(v, BPF_PROG_GET_NEXT_ID), 0);
	assert_int_equal(count_ids(v, BPF_MAP_GET_NEXT_ID), 0);
}

BOTH(read_only_descriptors)
{
	int rw = map_on(v, BPF_MAP_TYPE_ARRAY, 4, 4, 2, 0), ro, wo;
	uint32_t key = 1, value = 5, id;

	assert_int_equal(map_update_on(v, rw, &key, &value), 0);
	assert_int_equal(next_id(v, BPF_MAP_GET_NEXT_ID, 0, &id), 0);
	ro = BPF(v, BPF_MAP_GET_FD_BY_ID, .map_id = id, .open_flags = BPF_F_RDONLY);
	wo = BPF(v, BPF_MAP_GET_FD_BY_ID, .map_id = id, .open_flags = BPF_F_WRONLY);
	assert_true(ro >= 0 && wo >= 0);
	assert_int_equal(map_update_on(v, ro, &key, &value), -EPERM);
	assert_int_equal(map_lookup_on(v, ro, &key, &value), 0);
	assert_int_equal(map_lookup_on(v, wo, &key, &value), -EPERM);
	assert_int_equal(map_update_on(v, wo, &key, &value), 0);
	assert_ptr_equal(mmap(NULL, 4, PROT_READ | PROT_WRITE, MAP_SHARED, ro, 0), MAP_FAILED);
	close(rw);
	close(ro);
	close(wo);
}

BOTH(many)
{
	int fds[200];

	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < 200; i++) {
			fds[i] = map_on(v, BPF_MAP_TYPE_ARRAY, 4, 4, 1, 0);
			assert_true(fds[i] >= 0);
		}
		for (int i = 0; i < 200; i++)
			if (i % 50)
				close(fds[i]);
		assert_int_equal(count_ids(v, BPF_MAP_GET_NEXT_ID), 4);
		for (int i = 0; i < 200; i += 50)
			close(fds[i]);
	}
	assert_int_equal(count_ids(v, BPF_MAP_GET_NEXT_ID), 0);
}

/* Another process: an engine of its own on the same directory. Exit status 0 is success. */
static int in_child(int (*fn)(struct visor *v))
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		VISOR_OPTS(visor_opts, opts, .state = state_dir);
		struct visor *v;
		int err = visor_open(&opts, &v, NULL);

		_exit(err ? 99 : fn(v));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int child_uses(struct visor *v)
{
	int map = get(v, "/sys/fs/bpf/m"), prog = get(v, "/sys/fs/bpf/p");
	const uint32_t key = 0;
	uint8_t data[64] = {0};
	uint64_t value = 0;
	union bpf_attr attr;

	if (map < 0 || prog < 0)
		return 1;
	if (map_lookup_on(v, map, &key, &value) || value != 11)
		return 2;
	value = 22;
	if (map_update_on(v, map, &key, &value))
		return 3;
	memset(&attr, 0, sizeof(attr));
	attr.test.prog_fd = (uint32_t)prog;
	attr.test.data_in = PTR(data);
	attr.test.data_size_in = sizeof(data);
	if (bpf_on(v, BPF_PROG_TEST_RUN, &attr, sizeof(attr)) || attr.test.retval != 2)
		return 4;
	if (count_ids(v, BPF_MAP_GET_NEXT_ID) != 2)
		return 5;
	return 0;
}

static int child_leaves(struct visor *v)
{
	int map = map_on(v, BPF_MAP_TYPE_ARRAY, 4, 8, 1, 0), prog = prog_with_map(v, map);

	if (map < 0 || prog < 0)
		return 1;
	raise(SIGKILL);
	return 2;
}

static void processes_share(void **state)
{
	struct visor *v = open_both(state, true);
	int map = map_on(v, BPF_MAP_TYPE_ARRAY, 4, 8, 1, 0), prog = prog_with_map(v, map);
	int other = map_on(v, BPF_MAP_TYPE_ARRAY, 4, 8, 1, 0);
	const uint32_t key = 0;
	uint64_t value = 11;

	assert_int_equal(map_update_on(v, map, &key, &value), 0);
	assert_int_equal(pin(v, map, "/sys/fs/bpf/m"), 0);
	assert_int_equal(pin(v, prog, "/sys/fs/bpf/p"), 0);
	assert_int_equal(in_child(child_uses), 0);
	assert_int_equal(map_lookup_on(v, map, &key, &value), 0);
	assert_int_equal(value, 22);
	close(other);
	/* Held by nobody but us, and by the child only while it lived. */
	assert_int_equal(in_child(child_leaves), -SIGKILL);
	assert_int_equal(count_ids(v, BPF_MAP_GET_NEXT_ID), 1);
	assert_int_equal(count_ids(v, BPF_PROG_GET_NEXT_ID), 1);
	visor_close(v);
	close(map);
	close(prog);
	v = engine_new(state_dir);
	assert_int_equal(count_ids(v, BPF_MAP_GET_NEXT_ID), 1);
	map = get(v, "/sys/fs/bpf/m");
	assert_int_equal(map_lookup_on(v, map, &key, &value), 0);
	assert_int_equal(value, 22);
	close(map);
	close_both(v, true);
}

/* A program that tail-calls a slot, and returns a number where there is nothing. */
static int prog_that_calls(struct visor *v, int slots, uint32_t slot, int ret)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_LD | BPF_IMM | BPF_DW,
		 .dst_reg = 2,
		 .src_reg = BPF_PSEUDO_MAP_FD,
		 .imm = slots},
		{0},
		{.code = BPF_ALU | BPF_MOV | BPF_K, .dst_reg = 3, .imm = (int)slot},
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_tail_call},
		{.code = BPF_ALU | BPF_MOV | BPF_K, .imm = ret},
		{.code = BPF_JMP | BPF_EXIT},
	};

	return prog_on(v, BPF_PROG_TYPE_XDP, insns, sizeof(insns) / sizeof(insns[0]));
}

static int child_follows(struct visor *v)
{
	int prog = get(v, "/sys/fs/bpf/entry");
	uint8_t data[64] = {0};
	union bpf_attr attr;

	alarm(20); /* it must not wait for itself */
	memset(&attr, 0, sizeof(attr));
	attr.test.prog_fd = (uint32_t)prog;
	attr.test.data_in = PTR(data);
	attr.test.data_size_in = sizeof(data);
	if (prog < 0 || bpf_on(v, BPF_PROG_TEST_RUN, &attr, sizeof(attr)))
		return 1;
	return (int)attr.test.retval;
}

/* What a tail call leads to is loaded there and then, and may lead on to what is not loaded yet. */
static void processes_follow(void **state)
{
	struct visor *v = open_both(state, true);
	int slots = map_on(v, BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 8, 0);
	int entry = prog_that_calls(v, slots, 0, 10), next[3];

	assert_int_equal(pin(v, entry, "/sys/fs/bpf/entry"), 0);
	assert_int_equal(pin(v, slots, "/sys/fs/bpf/slots"), 0);
	assert_int_equal(in_child(child_follows), 10);
	for (uint32_t i = 0; i < 3; i++) {
		next[i] = prog_that_calls(v, slots, i + 1, 20 + (int)i);
		assert_true(next[i] >= 0);
		assert_int_equal(map_update_on(v, slots, &i, &next[i]), 0);
		assert_int_equal(in_child(child_follows), 20 + (int)i);
	}
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(
			BPF(v, BPF_MAP_DELETE_ELEM, .map_fd = (uint32_t)slots, .key = PTR(&i)), 0);
		close(next[i]);
	}
	close(entry);
	close(slots);
	close_both(v, true);
}

/* The permissions of everything in a state directory. */
static void check_modes(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	char child[512];
	struct stat st;

	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(child, sizeof(child), "%s/%s", path, entry->d_name);
		assert_int_equal(lstat(child, &st), 0);
		assert_int_equal(st.st_mode & 0777, S_ISDIR(st.st_mode) ? 0700 : 0600);
		if (S_ISDIR(st.st_mode))
			check_modes(child);
	}
	closedir(dir);
}

static void private_to_the_user(void **state)
{
	struct visor *v = open_both(state, true);
	int map = map_on(v, BPF_MAP_TYPE_ARRAY, 4, 8, 1, 0);

	assert_int_equal(pin(v, map, "/sys/fs/bpf/x/y"), 0);
	check_modes(state_dir);
	close(map);
	close_both(v, true);
}

/* Every byte of every file in turn is damaged: errors at most. */
static void hostile_files(void **state)
{
	struct visor *v = open_both(state, true);
	const char *files[] = {"bpf-map/1", "bpf-prog/1", "btf/1", "ids"};
	int map = map_on(v, BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 4, 0), prog = prog_with_map(v, map);
	const uint32_t key = 0;
	uint8_t data[64] = {0};
	char path[128];

	assert_int_equal(map_update_on(v, map, &key, &prog), 0);
	assert_int_equal(pin(v, map, "/sys/fs/bpf/m"), 0);
	assert_int_equal(pin(v, prog, "/sys/fs/bpf/p"), 0);
	close(map);
	close(prog);
	visor_close(v);
	for (size_t f = 0; f < 4; f++) {
		struct stat st;
		int fd;

		snprintf(path, sizeof(path), "%s/%s", state_dir, files[f]);
		fd = open(path, O_RDWR);
		if (fd < 0)
			continue;
		assert_int_equal(fstat(fd, &st), 0);
		for (off_t i = 0; i < st.st_size; i += i < 512 || i > st.st_size - 4096 ? 3 : 509) {
			union bpf_attr attr;
			uint8_t old, bad;
			uint32_t id = 0;

			assert_int_equal(pread(fd, &old, 1, i), 1);
			bad = (uint8_t)(old ^ (i % 2 ? 0xff : 0x81));
			assert_int_equal(pwrite(fd, &bad, 1, i), 1);
			v = engine_new(state_dir);
			while (!next_id(v, BPF_MAP_GET_NEXT_ID, id, &id))
				;
			prog = get(v, "/sys/fs/bpf/p");
			if (prog >= 0) {
				memset(&attr, 0, sizeof(attr));
				attr.test.prog_fd = (uint32_t)prog;
				attr.test.data_in = PTR(data);
				attr.test.data_size_in = sizeof(data);
				bpf_on(v, BPF_PROG_TEST_RUN, &attr, sizeof(attr));
				close(prog);
			}
			map = get(v, "/sys/fs/bpf/m");
			if (map >= 0) {
				map_lookup_on(v, map, &key, &id);
				close(map);
			}
			visor_close(v);
			/* Everything is pinned: nothing may have been collected. */
			assert_int_equal(pwrite(fd, &old, 1, i), 1);
		}
		close(fd);
	}
	v = engine_new(state_dir);
	prog = get(v, "/sys/fs/bpf/p");
	assert_true(prog >= 0);
	close(prog);
	close_both(v, true);
}

static void broken_directories(void **state)
{
	VISOR_OPTS(visor_opts, opts, .state = "/proc/nothing/here");
	struct visor_diag diag;
	struct visor *v;
	char path[128];
	int fd;

	assert_true(visor_open(&opts, &v, &diag) < 0);
	assert_non_null(strstr(diag.text, "/proc/nothing/here"));
	opts.state = "";
	assert_int_equal(visor_open(&opts, &v, &diag), -EINVAL);
	/* Symbolic links are not followed out of the directory. */
	v = open_both(state, true);
	snprintf(path, sizeof(path), "%s/pins/out", state_dir);
	assert_int_equal(symlink("/tmp", path), 0);
	fd = map_on(v, BPF_MAP_TYPE_ARRAY, 4, 8, 1, 0);
	assert_true(pin(v, fd, "/out/visor-test-pin") < 0);
	assert_int_equal(access("/tmp/visor-test-pin", F_OK), -1);
	/* Files that are no objects, or not where they belong. */
	snprintf(path, sizeof(path), "%s/bpf-map/77", state_dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_true(BPF(v, BPF_MAP_GET_FD_BY_ID, .map_id = 77) < 0);
	assert_int_equal(count_ids(v, BPF_MAP_GET_NEXT_ID), 1);
	close(fd);
	close_both(v, true);
}

/* How many more descriptors this process may open from now on. */
static void descriptors_left(rlim_t n)
{
	struct rlimit limit;
	int next = dup(0);

	assert_true(next >= 0);
	close(next);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = (rlim_t)next + n;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* A process that cannot open everything destroys nothing, and says so instead of listing less;
 * one that can open a few files at a time sees everything. */
static void few_descriptors(void **state)
{
	struct visor *v = open_both(state, true);
	enum { N = 150 };
	struct rlimit before;
	char path[64];
	uint32_t id;
	int err;

	for (int i = 0; i < N; i++) {
		int map = map_on(v, BPF_MAP_TYPE_ARRAY, 4, 8, 1, 0), prog = prog_with_map(v, map);

		snprintf(path, sizeof(path), "/sys/fs/bpf/p%d", i);
		assert_int_equal(pin(v, prog, path), 0);
		close(map);
		close(prog);
	}
	visor_close(v);
	v = engine_new(state_dir);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	for (rlim_t left = 0; left < 8; left++) {
		descriptors_left(left);
		for (id = 0; !(err = next_id(v, BPF_MAP_GET_NEXT_ID, id, &id));)
			;
		assert_true(err == -EMFILE || err == -ENOENT);
		close(map_on(v, BPF_MAP_TYPE_ARRAY, 4, 8, 1, 0));
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	}
	assert_int_equal(count_ids(v, BPF_MAP_GET_NEXT_ID), N);
	assert_int_equal(count_ids(v, BPF_PROG_GET_NEXT_ID), N);
	descriptors_left(100);
	for (int i = 0; i < N; i++) {
		struct bpf_prog_info info = {0};
		uint32_t len = sizeof(info);
		int fd;

		snprintf(path, sizeof(path), "/sys/fs/bpf/p%d", i);
		fd = get(v, path);
		assert_true(fd >= 0);
		assert_int_equal(info_of(v, fd, &info, &len), 0);
		assert_int_equal(info.nr_map_ids, 1);
		close(fd);
	}
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	close_both(v, true);
}

static void foreign_descriptors(void **state)
{
	struct visor *v = engine_new(NULL), *w = engine_new(NULL);
	int map = map_on(v, BPF_MAP_TYPE_ARRAY, 4, 8, 1, 0), null = open("/dev/null", O_RDWR);
	const uint32_t key = 0;
	uint64_t value;

	assert_int_equal(map_lookup_on(w, map, &key, &value), -EINVAL);
	assert_int_equal(map_lookup_on(v, null, &key, &value), -EINVAL);
	assert_int_equal(map_lookup_on(v, 9999, &key, &value), -EBADF);
	assert_int_equal(map_lookup_on(v, -1, &key, &value), -EBADF);
	close(map);
	close(null);
	visor_close(v);
	visor_close(w);
}

#define BOTH_TESTS(name) cmocka_unit_test(name##_private), cmocka_unit_test(name##_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH_TESTS(descriptors_keep),
		BOTH_TESTS(mapping_keeps),
		BOTH_TESTS(programs_keep_maps),
		BOTH_TESTS(arrays_keep_programs),
		BOTH_TESTS(circles_go),
		BOTH_TESTS(bound_maps),
		BOTH_TESTS(pins),
		BOTH_TESTS(read_only_descriptors),
		BOTH_TESTS(many),
		cmocka_unit_test(processes_share),
		cmocka_unit_test(processes_follow),
		cmocka_unit_test(private_to_the_user),
		cmocka_unit_test(hostile_files),
		cmocka_unit_test(broken_directories),
		cmocka_unit_test(few_descriptors),
		cmocka_unit_test(foreign_descriptors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
