/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The same system calls on the kernel and on an engine give the same results and errno:
 * checks of attributes, matrices of arguments, damaged type information.
 */
#include "engine.h"

#include <sys/mman.h>

static struct visor *own;
static int differences;

/* Reports a difference, and goes on: all of them are wanted. */
#define SAME(kernel, ours, ...)                                                            \
	do {                                                                               \
		if ((kernel) != (ours)) {                                                  \
			differences++;                                                     \
			print_error("kernel %d, engine %d: ", (int)(kernel), (int)(ours)); \
			print_error(__VA_ARGS__);                                          \
			print_error("\n");                                                 \
		}                                                                          \
	} while (0)

static uint64_t seed = 1;

static uint32_t rnd(uint32_t n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % n;
}

/* A descriptor becomes 0, which is closed: results are compared, not numbers. */
static int outcome(int ret)
{
	if (ret > 2)
		close(ret);
	return ret > 0 ? 0 : ret;
}

static const struct bpf_insn pass[] = {MOV_IMM(0, 2), EXIT()};

/* ---- attributes --------------------------------------------------------------------------- */

static void attr_size(void **state)
{
	static uint8_t big[8192];
	union bpf_attr *attr = (union bpf_attr *)big;

	for (int cmd = 0; cmd < 45; cmd++) {
		uint32_t sizes[] = {0,	  1,	4,    16,   64,	     sizeof(*attr),
				    1024, 4096, 4097, 8192, 1u << 31};

		if (cmd == BPF_ENABLE_STATS || cmd == BPF_MAP_FREEZE) /* fd 0 may be anything */
			continue;
		for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
			memset(big, 0, sizeof(big));
			int k = outcome(bpf_on(NULL, cmd, attr, sizes[i]));
			memset(big, 0, sizeof(big));
			int o = outcome(bpf_on(own, cmd, attr, sizes[i]));
			/* Ids that the kernel has and we have not. */
			if (cmd >= BPF_PROG_GET_NEXT_ID && cmd <= BPF_MAP_GET_NEXT_ID)
				continue;
			if (cmd == BPF_BTF_GET_NEXT_ID || cmd == BPF_LINK_GET_NEXT_ID ||
			    cmd == BPF_PROG_QUERY || cmd == BPF_TASK_FD_QUERY ||
			    cmd == BPF_PROG_DETACH || cmd == BPF_PROG_ATTACH ||
			    cmd == BPF_LINK_UPDATE || cmd == BPF_LINK_DETACH ||
			    cmd == BPF_RAW_TRACEPOINT_OPEN || cmd == BPF_LINK_CREATE ||
			    cmd == BPF_ITER_CREATE || cmd > BPF_PROG_BIND_MAP)
				if (k != -E2BIG && o != -E2BIG)
					continue; /* not implemented: EINVAL */
			SAME(k, o, "command %d with size %u", cmd, sizes[i]);
		}
		for (uint32_t at = 512; at < 4096; at += 700) {
			memset(big, 0, sizeof(big));
			big[at] = 1;
			SAME(outcome(bpf_on(NULL, cmd, attr, 4096)),
			     outcome(bpf_on(own, cmd, attr, 4096)), "command %d, byte %u", cmd, at);
		}
	}
	assert_int_equal(bpf_on(own, BPF_MAP_CREATE, NULL, 64), -EFAULT);
	assert_int_equal(bpf_on(NULL, BPF_MAP_CREATE, NULL, 64), -EFAULT);
	assert_int_equal(differences, 0);
}

/* Neither a descriptor nor followed by an id, whatever else the machine's kernel is doing. */
#define NOTHING 0x7ffffff0

/* Bytes behind a command's last field. Newer kernels have more fields than our header. */
static void attr_tail(void **state)
{
	static const int cmds[] = {
		BPF_MAP_LOOKUP_ELEM,
		BPF_MAP_UPDATE_ELEM,
		BPF_MAP_DELETE_ELEM,
		BPF_MAP_GET_NEXT_KEY,
		BPF_MAP_FREEZE,
		BPF_OBJ_GET_INFO_BY_FD,
		BPF_PROG_GET_FD_BY_ID,
		BPF_MAP_GET_NEXT_ID,
		BPF_PROG_BIND_MAP,
		BPF_MAP_LOOKUP_BATCH,
		BPF_PROG_TEST_RUN,
		BPF_ENABLE_STATS,
		BPF_MAP_LOOKUP_AND_DELETE_ELEM,
	};
	union bpf_attr attr;

	for (size_t i = 0; i < sizeof(cmds) / sizeof(*cmds); i++)
		for (size_t at = 4; at < sizeof(attr); at++) {
			int k, o;

			memset(&attr, 0, sizeof(attr));
			attr.map_fd = NOTHING;
			((uint8_t *)&attr)[at] = 0x11;
			k = outcome(bpf_on(NULL, cmds[i], &attr, sizeof(attr)));
			memset(&attr, 0, sizeof(attr));
			attr.map_fd = NOTHING;
			((uint8_t *)&attr)[at] = 0x11;
			o = outcome(bpf_on(own, cmds[i], &attr, sizeof(attr)));
			SAME(k, o, "command %d, byte %zu", cmds[i], at);
		}
	assert_int_equal(differences, 0);
}

/* ---- creation ----------------------------------------------------------------------------- */

static void map_create(void **state)
{
	static const uint32_t types[] = {BPF_MAP_TYPE_HASH,	    BPF_MAP_TYPE_ARRAY,
					 BPF_MAP_TYPE_PROG_ARRAY,   BPF_MAP_TYPE_PERCPU_HASH,
					 BPF_MAP_TYPE_PERCPU_ARRAY, BPF_MAP_TYPE_LPM_TRIE,
					 BPF_MAP_TYPE_RINGBUF,	    BPF_MAP_TYPE_DEVMAP};
	static const uint32_t sizes[] = {0, 1, 4, 8, 13, 64, 513};
	static const uint32_t entries[] = {0, 1, 3, 4096, 8192};
	static const char names[][17] = {"", "ok.name_1", "bad-name", "sixteen_bytes_xx"};

	for (int i = 0; i < 4000; i++) {
		union bpf_attr a, b;

		memset(&a, 0, sizeof(a));
		a.map_type = types[rnd(8)];
		a.key_size = rnd(3) ? 4 : sizes[rnd(7)];
		a.value_size = rnd(3) ? 4 : sizes[rnd(7)];
		if (a.map_type == BPF_MAP_TYPE_RINGBUF && rnd(2))
			a.key_size = a.value_size = 0;
		if (a.map_type == BPF_MAP_TYPE_LPM_TRIE && rnd(2))
			a.key_size = 8;
		a.max_entries = entries[rnd(5)];
		a.map_flags = rnd(3) ? 0 : 1u << rnd(14);
		if (!rnd(8))
			a.map_flags |= 1u << rnd(14);
		if (!rnd(10))
			memcpy(a.map_name, names[rnd(4)], 16);
		if (!rnd(20))
			a.map_extra = 1;
		if (!rnd(30))
			a.map_ifindex = 1;
		if (!rnd(30))
			a.inner_map_fd = 3;
		if (!rnd(30))
			a.numa_node = 7;
		if (!rnd(30))
			a.btf_key_type_id = 1;
		if (!rnd(30))
			a.btf_value_type_id = 1;
		if (!rnd(30))
			a.btf_vmlinux_value_type_id = 1;
		b = a;
		int k = outcome(bpf_on(NULL, BPF_MAP_CREATE, &a, sizeof(a)));
		int o = outcome(bpf_on(own, BPF_MAP_CREATE, &b, sizeof(b)));
		/* Offload to a device is refused by both, for one of several reasons. */
		if (a.map_ifindex && k && o)
			continue;
		SAME(k, o,
		     "type %u key %u value %u entries %u flags %x name '%s' extra %llu if %u inner "
		     "%u numa %u btf %u %u %u",
		     a.map_type, a.key_size, a.value_size, a.max_entries, a.map_flags, a.map_name,
		     a.map_extra, a.map_ifindex, a.inner_map_fd, a.numa_node, a.btf_key_type_id,
		     a.btf_value_type_id, a.btf_vmlinux_value_type_id);
	}
	assert_int_equal(differences, 0);
}

static void prog_load(void **state)
{
	static char log[64];
	static const char names[][17] = {"", "ok.name_1", "bad-name", "sixteen_bytes_xx"};

	for (int i = 0; i < 4000; i++) {
		union bpf_attr a, b;
		const struct bpf_insn fail[] = {MOV_REG(0, 9), EXIT()};

		memset(&a, 0, sizeof(a));
		a.prog_type = rnd(4) ? BPF_PROG_TYPE_XDP : rnd(4) ? rnd(5) : 1000;
		if (a.prog_type == BPF_PROG_TYPE_KPROBE) /* the kernel has it, we do not */
			a.prog_type = BPF_PROG_TYPE_SCHED_ACT;
		a.insns = rnd(10) ? PTR(rnd(8) ? pass : fail) : rnd(2) ? 0 : 4096;
		a.insn_cnt = rnd(10) ? 2 : rnd(2) ? rnd(2) : 1000001;
		a.license = rnd(10) ? PTR("GPL") : rnd(2) ? 0 : 4096;
		if (!rnd(5)) {
			a.log_level = rnd(10);
			a.log_size = rnd(2) ? sizeof(log) : rnd(2);
			a.log_buf = rnd(3) ? PTR(log) : 0;
		}
		if (!rnd(6))
			a.prog_flags = 1u << rnd(9);
		if (!rnd(6))
			memcpy(a.prog_name, names[rnd(4)], 16);
		if (!rnd(20))
			a.expected_attach_type = rnd(60);
		if (!rnd(20))
			a.func_info_cnt = 1;
		if (!rnd(20))
			a.prog_btf_fd = 9999;
		if (!rnd(20))
			a.attach_btf_id = 1;
		if (!rnd(20))
			a.attach_prog_fd = 9999;
		b = a;
		int k = outcome(bpf_on(NULL, BPF_PROG_LOAD, &a, sizeof(a)));
		int o = outcome(bpf_on(own, BPF_PROG_LOAD, &b, sizeof(b)));
		/* Sleepable XDP and what needs a device are refused by both, for reasons of
		 * their own; an invalid program with too small a log is reported as either. */
		if (k == -ENOSPC || o == -ENOSPC || (a.insns == PTR(fail) && k && !o))
			continue;
		SAME(k, o,
		     "type %u insns %llx n %u license %llx log %u %u %llx flags %x name '%.16s' "
		     "attach %u func %u btf %u id %u fd %u",
		     a.prog_type, a.insns, a.insn_cnt, a.license, a.log_level, a.log_size,
		     a.log_buf, a.prog_flags, a.prog_name, a.expected_attach_type, a.func_info_cnt,
		     a.prog_btf_fd, a.attach_btf_id, a.attach_prog_fd);
	}
	assert_int_equal(differences, 0);
}

/* ---- operations --------------------------------------------------------------------------- */

static void map_ops(void **state)
{
	static const int cmds[] = {BPF_MAP_LOOKUP_ELEM, BPF_MAP_UPDATE_ELEM, BPF_MAP_DELETE_ELEM,
				   BPF_MAP_GET_NEXT_KEY, BPF_MAP_LOOKUP_AND_DELETE_ELEM};
	static const struct {
		uint32_t type, key, value, max, flags;
	} maps[] = {
		{BPF_MAP_TYPE_HASH, 4, 8, 4, 0},
		{BPF_MAP_TYPE_ARRAY, 4, 8, 4, 0},
		{BPF_MAP_TYPE_ARRAY, 4, 8, 4, BPF_F_RDONLY},
		{BPF_MAP_TYPE_HASH, 4, 8, 4, BPF_F_WRONLY},
		{BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 4, 0},
		{BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8, 4, 0},
		{BPF_MAP_TYPE_LPM_TRIE, 8, 8, 4, BPF_F_NO_PREALLOC},
		{BPF_MAP_TYPE_RINGBUF, 0, 0, 4096, 0},
	};

	for (size_t m = 0; m < sizeof(maps) / sizeof(*maps); m++) {
		int k = map_on(NULL, maps[m].type, maps[m].key, maps[m].value, maps[m].max,
			       maps[m].flags);
		int o = map_on(own, maps[m].type, maps[m].key, maps[m].value, maps[m].max,
			       maps[m].flags);

		assert_true(k >= 0 && o >= 0);
		for (int i = 0; i < 3000; i++) {
			uint64_t key[2] = {rnd(6), 0}, values[2][64], next[2][2] = {{0}};
			int ret[2], cmd = cmds[rnd(5)];
			uint64_t flags = rnd(4) ? rnd(3) : rnd(9), bad = rnd(2) ? 0 : 4096;
			bool bad_key = !rnd(20), bad_value = !rnd(20), no_fd = !rnd(50);

			if (maps[m].type == BPF_MAP_TYPE_LPM_TRIE)
				key[0] = rnd(40) | (uint64_t)rnd(4) << 32;
			memset(values, 0, sizeof(values));
			values[0][0] = values[1][0] = rnd(1000);
			for (int e = 0; e < 2; e++) {
				union bpf_attr a;

				memset(&a, 0, sizeof(a));
				a.map_fd = no_fd ? 9999 : (uint32_t)(e ? o : k);
				a.key = bad_key ? bad : PTR(key);
				a.value = bad_value			? bad
					  : cmd == BPF_MAP_GET_NEXT_KEY ? PTR(next[e])
									: PTR(values[e]);
				if (cmd != BPF_MAP_DELETE_ELEM && cmd != BPF_MAP_GET_NEXT_KEY)
					a.flags = flags;
				ret[e] = bpf_on(e ? own : NULL, cmd, &a, sizeof(a));
			}
			/* The order of a hash map's keys is its own. */
			if (cmd == BPF_MAP_GET_NEXT_KEY && maps[m].type == BPF_MAP_TYPE_HASH)
				continue;
			SAME(ret[0], ret[1], "map %zu command %d key %llx%s%s flags %llu", m, cmd,
			     (unsigned long long)key[0], bad_key ? " bad key" : "",
			     bad_value ? " bad value" : "", (unsigned long long)flags);
			if (!ret[0] && !ret[1]) {
				assert_memory_equal(values[0], values[1], maps[m].value);
				if (cmd == BPF_MAP_GET_NEXT_KEY)
					assert_memory_equal(next[0], next[1], 16);
			}
		}
		for (int i = 0; i < 2; i++)
			SAME(BPF(NULL, BPF_MAP_FREEZE, .map_fd = (uint32_t)k),
			     BPF(own, BPF_MAP_FREEZE, .map_fd = (uint32_t)o), "freeze map %zu", m);
		uint64_t key = 0, value[64] = {0};
		SAME(map_update_on(NULL, k, &key, value), map_update_on(own, o, &key, value),
		     "update of frozen map %zu", m);
		close(k);
		close(o);
	}
	assert_int_equal(differences, 0);
}

static void map_batches(void **state)
{
	static const uint32_t types[] = {BPF_MAP_TYPE_HASH, BPF_MAP_TYPE_ARRAY,
					 BPF_MAP_TYPE_PROG_ARRAY, BPF_MAP_TYPE_PERCPU_ARRAY};
	static const int cmds[] = {BPF_MAP_UPDATE_BATCH, BPF_MAP_LOOKUP_BATCH,
				   BPF_MAP_LOOKUP_AND_DELETE_BATCH, BPF_MAP_UPDATE_BATCH,
				   BPF_MAP_DELETE_BATCH};

	for (size_t t = 0; t < 4; t++) {
		for (size_t c = 0; c < 5; c++)
			for (uint32_t n = 0; n < 8; n += 3) {
				int ret[2];
				uint32_t count[2];

				for (int e = 0; e < 2; e++) {
					struct visor *v = e ? own : NULL;
					int fd = map_on(v, types[t], 4,
							types[t] == BPF_MAP_TYPE_PROG_ARRAY ? 4 : 8,
							8, 0);
					uint32_t keys[8] = {0, 1, 2, 3, 4, 5, 6, 7}, out[2] = {0};
					uint64_t values[8 * 64] = {0};
					union bpf_attr a;

					memset(&a, 0, sizeof(a));
					a.batch.map_fd = (uint32_t)fd;
					a.batch.keys = PTR(keys);
					a.batch.values = PTR(values);
					a.batch.count = 4;
					if (types[t] != BPF_MAP_TYPE_PROG_ARRAY)
						assert_int_equal(bpf_on(v, BPF_MAP_UPDATE_BATCH, &a,
									sizeof(a)),
								 0);
					a.batch.count = n;
					a.batch.out_batch = PTR(out);
					ret[e] = bpf_on(v, cmds[c], &a, sizeof(a));
					count[e] = a.batch.count;
					close(fd);
				}
				/* A kernel's hash hands out whole buckets, so may want more room.
				 */
				if (types[t] == BPF_MAP_TYPE_HASH && ret[0] == -ENOSPC)
					continue;
				if (types[t] == BPF_MAP_TYPE_HASH && c > 0 && c < 3 && n == 3)
					continue;
				SAME(ret[0], ret[1], "type %u batch command %d of %u", types[t],
				     cmds[c], n);
				SAME(count[0], count[1], "count of type %u batch command %d of %u",
				     types[t], cmds[c], n);
			}
	}
	assert_int_equal(differences, 0);
}

/* A walk in batches sees everything once, whatever their size. */
static void batch_walk(void **state)
{
	for (uint32_t size = 1; size < 12; size++) {
		int fd = map_on(own, BPF_MAP_TYPE_HASH, 16, 8, 64, 0), ret = 0;
		uint32_t position = 0, sum = 0, n = 0;
		bool first = true;

		for (uint32_t i = 0; i < 37; i++) {
			uint64_t key[2] = {i, 0}, value = i;

			assert_int_equal(map_update_on(own, fd, key, &value), 0);
		}
		while (!ret) {
			uint64_t keys[16][2], values[16];
			union bpf_attr a;

			memset(&a, 0, sizeof(a));
			a.batch.map_fd = (uint32_t)fd;
			a.batch.keys = PTR(keys);
			a.batch.values = PTR(values);
			a.batch.count = size;
			a.batch.in_batch = first ? 0 : PTR(&position);
			a.batch.out_batch = PTR(&position);
			ret = bpf_on(own, BPF_MAP_LOOKUP_BATCH, &a, sizeof(a));
			first = false;
			for (uint32_t i = 0; i < a.batch.count; i++) {
				assert_int_equal(keys[i][0], values[i]);
				sum += (uint32_t)values[i];
			}
			n += a.batch.count;
		}
		assert_int_equal(ret, -ENOENT);
		assert_int_equal(n, 37);
		assert_int_equal(sum, 36 * 37 / 2);
		close(fd);
	}
}

/* ---- programs in program arrays
 * ------------------------------------------------------------------ */

static void prog_arrays(void **state)
{
	int ret[2][6];

	for (int e = 0; e < 2; e++) {
		struct visor *v = e ? own : NULL;
		int array = map_on(v, BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 2, 0);
		int xdp = prog_on(v, BPF_PROG_TYPE_XDP, pass, 2);
		int tc = prog_on(v, BPF_PROG_TYPE_SCHED_CLS, pass, 2);
		uint32_t key = 0, beyond = 2;
		const struct bpf_insn caller[] = {
			LD64(2, BPF_PSEUDO_MAP_FD, array, 0),
			MOV_IMM(3, 0),
			CALL(BPF_FUNC_tail_call),
			MOV_IMM(0, 2),
			EXIT(),
		};

		ret[e][0] = map_update_on(v, array, &key, &xdp);
		ret[e][1] = map_update_on(v, array, &key, &tc);
		ret[e][2] = map_update_on(v, array, &beyond, &xdp);
		ret[e][3] = map_update_on(v, array, &key, &array);
		ret[e][4] = outcome(prog_on(v, BPF_PROG_TYPE_SCHED_CLS, caller, 6));
		ret[e][5] = outcome(prog_on(v, BPF_PROG_TYPE_XDP, caller, 6));
		close(array);
		close(xdp);
		close(tc);
	}
	for (int i = 0; i < 6; i++)
		SAME(ret[0][i], ret[1][i], "program array, step %d", i);
	assert_int_equal(differences, 0);
}

/* ---- info
 * ----------------------------------------------------------------------------------------- */

static void prog_info(void **state)
{
	struct bpf_prog_info info[2];
	struct bpf_insn xlated[2][16];

	memset(info, 0, sizeof(info));
	for (int e = 0; e < 2; e++) {
		struct visor *v = e ? own : NULL;
		int map = map_on(v, BPF_MAP_TYPE_HASH, 4, 8, 4, 0);
		const struct bpf_insn insns[] = {
			LD64(1, BPF_PSEUDO_MAP_FD, map, 0),
			MOV_IMM(0, 2),
			MOV_REG(2, 0),
			EXIT(),
		};
		uint32_t id, len = sizeof(info[e]);
		int fd = BPF(v, BPF_PROG_LOAD, .prog_type = BPF_PROG_TYPE_XDP, .insns = PTR(insns),
			     .insn_cnt = 5, .license = PTR("MIT"), .prog_name = "tag_of.it");

		assert_true(fd >= 0);
		memset(xlated, 0, sizeof(xlated));
		info[e].xlated_prog_insns = PTR(xlated[e]);
		info[e].xlated_prog_len = sizeof(xlated[e]);
		info[e].nr_map_ids = 1;
		info[e].map_ids = PTR(&id);
		assert_int_equal(info_of(v, fd, &info[e], &len), 0);
		assert_int_equal(len, sizeof(info[e]));
		assert_int_equal(xlated[e][0].imm, (int)id);
		assert_int_equal(xlated[e][0].src_reg, BPF_PSEUDO_MAP_FD);
		close(fd);
		close(map);
	}
	assert_memory_equal(info[0].tag, info[1].tag, BPF_TAG_SIZE);
	assert_int_equal(info[0].type, info[1].type);
	assert_string_equal(info[0].name, info[1].name);
	assert_int_equal(info[0].xlated_prog_len, info[1].xlated_prog_len);
	assert_int_equal(info[0].gpl_compatible, info[1].gpl_compatible);
	assert_int_equal(info[0].nr_map_ids, info[1].nr_map_ids);
	assert_int_equal(info[0].created_by_uid, info[1].created_by_uid);
	assert_true(info[1].load_time >= info[0].load_time &&
		    info[1].load_time - info[0].load_time < 10000000000);
}

/* Native code as both describe it: two functions, and what fits where there is less room. */
static void prog_info_native(void **state)
{
	static const struct bpf_insn insns[] = {
		MOV_IMM(0, 2), INSN(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, 1),
		EXIT(),	       MOV_IMM(0, 1),
		EXIT(),
	};

	for (int e = 0; e < 2; e++) {
		struct visor *v = e ? own : NULL;
		struct bpf_prog_info info = {0};
		uint32_t lens[2] = {0}, len = sizeof(info), size;
		uint64_t at[3] = {0};
		uint8_t code[512] = {0};
		int fd = BPF(v, BPF_PROG_LOAD, .prog_type = BPF_PROG_TYPE_XDP, .insns = PTR(insns),
			     .insn_cnt = 5, .license = PTR("MIT"));

		assert_true(fd >= 0);
		assert_int_equal(info_of(v, fd, &info, &len), 0);
		size = info.jited_prog_len;
		if (!size) { /* interpreted, here or there */
			close(fd);
			continue;
		}
		assert_in_range(size, 4, sizeof(code));
		assert_int_equal(info.nr_jited_ksyms, 2);
		assert_int_equal(info.nr_jited_func_lens, 2);
		memset(&info, 0, sizeof(info));
		info.nr_jited_func_lens = 2;
		info.jited_prog_insns = PTR(code);
		info.jited_ksyms = PTR(at);
		info.jited_func_lens = PTR(lens);
		info.jited_prog_len = 4;
		info.nr_jited_ksyms = 3;
		assert_int_equal(info_of(v, fd, &info, &len), 0);
		assert_int_equal(info.jited_prog_len, size);
		assert_int_equal(info.nr_jited_ksyms, 2);
		assert_int_equal(lens[0] + lens[1], size);
		assert_int_equal(code[4], 0);
		assert_true(at[0] && at[1] && !at[2]);
		if (e)
			assert_memory_equal(code, (void *)(uintptr_t)at[0], 4);
		memset(&info, 0, sizeof(info));
		info.jited_prog_len = 4;
		assert_int_equal(info_of(v, fd, &info, &len), -EFAULT);
		close(fd);
	}
}

static void info_args(void **state)
{
	int fds[2][3];

	for (int e = 0; e < 2; e++) {
		fds[e][0] = map_on(e ? own : NULL, BPF_MAP_TYPE_HASH, 4, 8, 4, 0);
		fds[e][1] = prog_on(e ? own : NULL, BPF_PROG_TYPE_XDP, pass, 2);
		fds[e][2] = 0;
	}
	for (int i = 0; i < 3000; i++) {
		uint8_t info[2][512];
		uint32_t len[2];
		int ret[2], which = (int)rnd(3), at = (int)rnd(512);

		memset(info, 0, sizeof(info));
		if (!rnd(3))
			info[0][at] = info[1][at] = (uint8_t)rnd(20);
		len[0] = len[1] = rnd(4) ? rnd(sizeof(struct bpf_prog_info)) : rnd(2) ? 512 : 5000;
		for (int e = 0; e < 2; e++)
			ret[e] = info_of(e ? own : NULL, fds[e][which], rnd(60) ? info[e] : NULL,
					 &len[e]);
		/* Newer kernels know more of what is behind our structures; addresses that have
		 * no memory behind them are not looked at where there is nothing to write. */
		if (ret[0] != ret[1] &&
		    (ret[1] == -E2BIG || ret[0] == -EFAULT || ret[1] == -EFAULT))
			continue;
		SAME(ret[0], ret[1], "info of object %d, length %u, byte %d", which, len[0], at);
	}
	assert_int_equal(differences, 0);
	for (int e = 0; e < 2; e++)
		for (int i = 0; i < 2; i++)
			close(fds[e][i]);
}

/* ---- type information
 * ------------------------------------------------------------------------------- */

#define INFO(kind, flag, vlen) ((uint32_t)(kind) << 24 | (uint32_t)(flag) << 31 | (vlen))

/* One of everything. */
static const uint32_t btf_types[] = {
	/* 1 int */ 1,
	INFO(BTF_KIND_INT, 0, 0),
	4,
	BTF_INT_SIGNED << 24 | 32,
	/* 2 * */ 0,
	INFO(BTF_KIND_PTR, 0, 0),
	5,
	/* 3 int[4] */ 0,
	INFO(BTF_KIND_ARRAY, 0, 0),
	0,
	1,
	1,
	4,
	/* 4 typedef */ 5,
	INFO(BTF_KIND_TYPEDEF, 0, 0),
	5,
	/* 5 struct */ 5,
	INFO(BTF_KIND_STRUCT, 0, 3),
	32,
	5,
	1,
	0,
	1,
	3,
	32,
	5,
	2,
	192,
	/* 6 union */ 0,
	INFO(BTF_KIND_UNION, 0, 2),
	4,
	5,
	1,
	0,
	0,
	1,
	0,
	/* 7 enum */ 5,
	INFO(BTF_KIND_ENUM, 0, 2),
	4,
	5,
	1,
	1,
	2,
	/* 8 forward */ 5,
	INFO(BTF_KIND_FWD, 1, 0),
	0,
	/* 9 const */ 0,
	INFO(BTF_KIND_CONST, 0, 0),
	1,
	/* 10 volatile */ 0,
	INFO(BTF_KIND_VOLATILE, 0, 0),
	9,
	/* 11 prototype */ 0,
	INFO(BTF_KIND_FUNC_PROTO, 0, 2),
	1,
	5,
	1,
	0,
	0,
	/* 12 function */ 5,
	INFO(BTF_KIND_FUNC, 0, 1),
	11,
	/* 13 variable */ 5,
	INFO(BTF_KIND_VAR, 0, 0),
	10,
	1,
	/* 14 section */ 9,
	INFO(BTF_KIND_DATASEC, 0, 1),
	8,
	13,
	4,
	4,
	/* 15 float */ 1,
	INFO(BTF_KIND_FLOAT, 0, 0),
	8,
	/* 16 tag of struct */ 5,
	INFO(BTF_KIND_DECL_TAG, 0, 0),
	5,
	1,
	/* 17 type tag */ 5,
	INFO(BTF_KIND_TYPE_TAG, 0, 0),
	1,
	/* 18 enum64 */ 5,
	INFO(BTF_KIND_ENUM64, 0, 1),
	8,
	1,
	1,
	2,
	/* 19 struct of bit fields */ 5,
	INFO(BTF_KIND_STRUCT, 1, 2),
	4,
	5,
	1,
	3u << 24,
	1,
	1,
	4u << 24 | 3,
};
static const char btf_strs[] = "\0int\0abc\0.data";

static uint32_t btf_make(uint8_t *out)
{
	struct btf_header hdr = {.magic = 0xeb9f, .version = 1, .hdr_len = sizeof(hdr)};

	hdr.type_len = sizeof(btf_types);
	hdr.str_off = hdr.type_len;
	hdr.str_len = sizeof(btf_strs);
	memcpy(out, &hdr, sizeof(hdr));
	memcpy(out + sizeof(hdr), btf_types, sizeof(btf_types));
	memcpy(out + sizeof(hdr) + sizeof(btf_types), btf_strs, sizeof(btf_strs));
	return (uint32_t)(sizeof(hdr) + sizeof(btf_types) + sizeof(btf_strs));
}

static void btf_damage(void **state)
{
	uint8_t good[2048], bad[2048];
	uint32_t size = btf_make(good);
	char log[2][1024];
	int n_bad = 0;

	SAME(outcome(BPF(NULL, BPF_BTF_LOAD, .btf = PTR(good), .btf_size = size)), 0, "whole BTF");
	SAME(0, outcome(BPF(own, BPF_BTF_LOAD, .btf = PTR(good), .btf_size = size)), "whole BTF");
	for (int i = 0; i < 20000; i++) {
		uint32_t at = rnd(size) & ~3u, len = size;
		int ret[2];

		memcpy(bad, good, sizeof(bad));
		if (i < (int)size)
			len = (uint32_t)i;
		else if (rnd(3))
			bad[at + rnd(4)] = (uint8_t)rnd(256);
		else
			*(uint32_t *)(bad + at) = rnd(24);
		for (int e = 0; e < 2; e++) {
			log[e][0] = '\0';
			ret[e] = outcome(BPF(e ? own : NULL, BPF_BTF_LOAD, .btf = PTR(bad),
					     .btf_size = len, .btf_log_buf = PTR(log[e]),
					     .btf_log_size = sizeof(log[e]), .btf_log_level = 1));
		}
		n_bad += ret[1] != 0;
		if (ret[0] == -ENOSPC)
			continue; /* the kernel's log is longer */
		SAME(ret[0], ret[1], "BTF of %u bytes, word %u is %x; kernel: ...%s engine: %s",
		     len, at, *(uint32_t *)(bad + at),
		     strlen(log[0]) > 70 ? log[0] + strlen(log[0]) - 70 : log[0], log[1]);
		if (differences > 30)
			break;
	}
	assert_int_equal(differences, 0);
	assert_true(n_bad > 5000);
}

static int start(void **state)
{
	own = engine_new(NULL);
	return 0;
}

static int stop(void **state)
{
	visor_close(own);
	return 0;
}

static int reset(void **state)
{
	differences = 0;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(attr_size, reset),
		cmocka_unit_test_setup(attr_tail, reset),
		cmocka_unit_test_setup(map_create, reset),
		cmocka_unit_test_setup(prog_load, reset),
		cmocka_unit_test_setup(map_ops, reset),
		cmocka_unit_test_setup(map_batches, reset),
		cmocka_unit_test_setup(batch_walk, reset),
		cmocka_unit_test_setup(prog_arrays, reset),
		cmocka_unit_test_setup(prog_info, reset),
		cmocka_unit_test_setup(prog_info_native, reset),
		cmocka_unit_test_setup(info_args, reset),
		cmocka_unit_test_setup(btf_damage, reset),
	};

	kernel_needed();
	return cmocka_run_group_tests(tests, start, stop);
}
