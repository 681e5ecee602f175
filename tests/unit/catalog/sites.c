/* SPDX-License-Identifier: BSD-2-Clause */
/* catalog/sites.c - finds out which programs load here, and makes maps for them. */
#include "sites.h"

#include "base/util.h"

struct site sites[2048];
int n_sites;
struct btf *vmlinux;
int site_maps[BPF_MAP_TYPE_ARENA + 1];
char site_log[1 << 16];

int site_load(const struct site *site, const struct bpf_insn *insns, uint32_t n, uint32_t callback,
	      const char *license)
{
	struct bpf_func_info funcs[] = {{.insn_off = 0, .type_id = 3},
					{.insn_off = callback, .type_id = 4}};
	union bpf_attr attr;
	int fd, btf = -1;

	if (callback) {
		kernel_func_btf_attr(&attr);
		btf = kernel_bpf(BPF_BTF_LOAD, &attr);
	}
	memset(&attr, 0, sizeof(attr));
	if (btf >= 0) {
		attr.prog_btf_fd = (uint32_t)btf;
		attr.func_info = (uintptr_t)funcs;
		attr.func_info_cnt = 2;
		attr.func_info_rec_size = sizeof(funcs[0]);
	}
	attr.prog_type = site->type->type;
	attr.expected_attach_type = site->attach;
	attr.attach_btf_id = site->btf_id;
	attr.prog_flags = site->sleepable ? BPF_F_SLEEPABLE : 0;
	attr.insns = (uintptr_t)insns;
	attr.insn_cnt = n;
	attr.license = (uintptr_t)license;
	attr.log_buf = (uintptr_t)site_log;
	attr.log_size = sizeof(site_log);
	attr.log_level = 1;
	site_log[0] = '\0';
	fd = kernel_bpf(BPF_PROG_LOAD, &attr);
	if (fd >= 0)
		close(fd);
	if (btf >= 0)
		close(btf);
	return fd;
}

/* Keeps the site if something loads there. */
static void sites_try(struct site site)
{
	for (site.ret = 0; site.ret < 2; site.ret++) {
		struct bpf_insn insns[] = {MOV_IMM(0, site.ret), EXIT()};

		if (site_load(&site, insns, 2, 0, "GPL") < 0)
			continue;
		snprintf(site.name, sizeof(site.name), "%s%s, attach type %u%s%.20s",
			 site.type->name, site.sleepable ? ".s" : "", site.attach,
			 site.target ? ", " : "", site.target ? site.target : "");
		if ((size_t)n_sites < ARRAY_SIZE(sites))
			sites[n_sites++] = site;
		return;
	}
}

/* struct_ops: a member for each attach type. */
static void sites_struct(const char *name)
{
	int id = btf__find_by_name_kind(vmlinux, name, BTF_KIND_STRUCT);
	const struct btf_type *t = id > 0 ? btf__type_by_id(vmlinux, (uint32_t)id) : NULL;

	for (uint32_t i = 0; t && i < btf_vlen(t); i++)
		sites_try((struct site){
			.type = catalog_prog_known(BPF_PROG_TYPE_STRUCT_OPS),
			.attach = i,
			.btf_id = (uint32_t)id,
			.target = name,
			.member = btf__name_by_offset(vmlinux, btf_members(t)[i].name_off)});
}

static void sites_tracing(const char *name, uint32_t attach, bool sleepable)
{
	uint32_t kind = attach == BPF_TRACE_RAW_TP ? BTF_KIND_TYPEDEF : BTF_KIND_FUNC;
	char full[64];
	int id;

	snprintf(full, sizeof(full), "%s%s",
		 attach == BPF_TRACE_RAW_TP ? "btf_trace_"
		 : attach == BPF_LSM_MAC    ? "bpf_lsm_"
					    : "",
		 name);
	id = btf__find_by_name_kind(vmlinux, full, kind);
	if (id > 0)
		sites_try((struct site){
			.type = catalog_prog_known(attach == BPF_LSM_MAC || attach == BPF_LSM_CGROUP
							   ? BPF_PROG_TYPE_LSM
							   : BPF_PROG_TYPE_TRACING),
			.attach = attach,
			.btf_id = (uint32_t)id,
			.sleepable = sleepable,
			.target = name});
}

int site_map(const struct map_desc *desc)
{
	const struct map_kind *kind = catalog_map_known(desc->type);
	union bpf_attr attr;
	int btf = -1, inner = -1, fd;

	if (kind && (kind->traits & MAP_STORAGE)) {
		kernel_func_btf_attr(&attr);
		btf = kernel_bpf(BPF_BTF_LOAD, &attr);
	}
	if (kind && (kind->traits & MAP_INNER))
		inner = kernel_map(BPF_MAP_TYPE_ARRAY, 4, 4, 1, 0);
	memset(&attr, 0, sizeof(attr));
	attr.map_type = desc->type;
	attr.key_size = desc->key_size;
	attr.value_size = desc->value_size;
	attr.max_entries = desc->max_entries;
	attr.map_flags = desc->flags;
	attr.map_extra = desc->extra;
	if (btf >= 0) {
		attr.btf_fd = (uint32_t)btf;
		attr.btf_key_type_id = attr.btf_value_type_id = 1;
	}
	if (inner >= 0)
		attr.inner_map_fd = (uint32_t)inner;
	fd = kernel_bpf(BPF_MAP_CREATE, &attr);
	if (btf >= 0)
		close(btf);
	if (inner >= 0)
		close(inner);
	return fd;
}

/* Sizes that a map of the kind has. */
static uint32_t sites_size(enum map_size size)
{
	return size == SIZE_0 ? 0 : size == SIZE_4 || size == SIZE_STORAGE ? 4 : 8;
}

static int sites_make_maps(void)
{
	for (uint32_t t = 0; t < ARRAY_SIZE(site_maps); t++) {
		const struct map_kind *kind = catalog_map_known(t);
		struct map_desc desc = {.type = t};

		site_maps[t] = -1;
		if (!kind || (kind->traits & MAP_NO_PROG))
			continue;
		desc.key_size = sites_size(kind->keys);
		desc.value_size = sites_size(kind->values);
		desc.max_entries = kind->traits & MAP_NO_MAX ? 0
				   : kind->traits & MAP_RING ? 4096
							     : 1;
		if (t == BPF_MAP_TYPE_LPM_TRIE || (kind->traits & MAP_STORAGE))
			desc.flags = BPF_F_NO_PREALLOC;
		if (t == BPF_MAP_TYPE_ARENA) {
			desc.flags = BPF_F_MMAPABLE;
			desc.extra = UINT64_C(1) << 44;
		}
		site_maps[t] = site_map(&desc);
		if (site_maps[t] < 0)
			return fprintf(stderr, "map %s: %d\n", kind->name, site_maps[t]);
	}
	return 0;
}

int sites_make(void)
{
	/* In front: those where most can be tried. */
	static const uint32_t first[] = {BPF_PROG_TYPE_SCHED_CLS, BPF_PROG_TYPE_XDP};
	/* For types that take any: those that make a difference somewhere, and some others. */
	static const uint8_t attach[] = {0, 2, 3, 6, 10, 19, 22, 28, 42, 48, 53, 57};

	vmlinux = btf__load_vmlinux_btf();
	if (!vmlinux)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(first); i++)
		sites_try((struct site){.type = catalog_prog_known(first[i])});
	sites_tracing("kfree_skb", BPF_TRACE_RAW_TP, false);
	for (uint32_t t = 1; t <= BPF_PROG_TYPE_NETFILTER; t++) {
		const struct prog_type *type = catalog_prog_known(t);

		if (!type || (type->flags & PROG_TARGET))
			continue;
		for (uint32_t a = 0; a < 64; a++) {
			if (type->attach ? type->attach >> a & 1
					 : memchr(attach, (int)a, sizeof(attach)) != NULL)
				sites_try(
					(struct site){.type = type,
						      .attach = a,
						      .sleepable = type->flags & PROG_MUST_SLEEP});
		}
	}
	sites_try((struct site){.type = catalog_prog_known(BPF_PROG_TYPE_KPROBE),
				.attach = BPF_TRACE_UPROBE_MULTI,
				.sleepable = true});
	sites_tracing("sched_switch", BPF_TRACE_RAW_TP, false);
	sites_tracing("bpf_iter_task", BPF_TRACE_ITER, false);
	sites_tracing("bpf_iter_task", BPF_TRACE_ITER, true);
	for (int s = 0; s < 2; s++) {
		sites_tracing("vfs_read", BPF_TRACE_FENTRY, s);
		sites_tracing("security_file_open", BPF_TRACE_FEXIT, s);
		sites_tracing("security_file_open", BPF_MODIFY_RETURN, s);
		sites_tracing("file_open", BPF_LSM_MAC, s);
		sites_tracing("task_free", BPF_LSM_MAC, s);
	}
	sites_tracing("bpf_lsm_socket_post_create", BPF_LSM_CGROUP, false);
	sites_struct("bpf_dummy_ops");
	sites_struct("tcp_congestion_ops");
	return sites_make_maps();
}
