/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sys/prog.c - programs: from attributes to a file and something that runs, or from a file.
 *
 * In a file (and in memory) map references are indices into the program's list of map ids,
 * so a program file means the same in every process. A file is not trusted: a program that
 * another process left there is verified again before it runs here.
 */
#include "sys/image.h"
#include "sys/sys.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* Later than our header: Linux 6.3 (means nothing without a device), Linux 6.8 (a test option). */
#define PROG_FLAG_DEV_BOUND	 (1U << 6)
#define PROG_FLAG_REG_INVARIANTS (1U << 7)
#define PROG_FLAGS                                                                             \
	(BPF_F_STRICT_ALIGNMENT | BPF_F_ANY_ALIGNMENT | BPF_F_TEST_RND_HI32 |                  \
	 BPF_F_TEST_STATE_FREQ | BPF_F_XDP_HAS_FRAGS | BPF_F_SLEEPABLE | PROG_FLAG_DEV_BOUND | \
	 PROG_FLAG_REG_INVARIANTS)

/* A program on its way in. */
struct prog_work {
	struct visor *v;
	const struct prog_type *type;
	struct prog_head head;
	struct image image;
	struct obj *maps[SYS_MAX_MAPS];
	struct obj *btf;
	enum sys_trust trust;
	struct user_log_stream *log; /* or NULL */
	const struct verified *code;
	struct visor_diag *diag;
};

const struct prog_type *sys_prog_type(struct visor *v, uint32_t type)
{
	return type >= VISOR_PROG_CUSTOM ? sys_type_get(v, type) : catalog_prog(type);
}

/* ---- what the layers below ask ------------------------------------------------------------ */

static struct vm_prog *host_prog_by_id(void *user, uint32_t id)
{
	struct visor *v = user;
	struct vm_prog *vm = NULL;
	int err;
	struct obj *obj = store_by_id(v, OBJ_PROG, id, &err);

	if (!obj)
		return NULL;
	if (!sys_prog_vm(v, obj, &vm, NULL))
		vm_prog_ref(vm);
	store_put(obj);
	return vm;
}

static vm_helper_fn host_helper(void *user, const struct prog_type *type, uint32_t id,
				const struct helper **desc)
{
	vm_helper_fn fn = NULL;
	const struct helper *helper = sys_type_helper(user, type, id, &fn);

	if (desc)
		*desc = helper;
	return fn;
}

const struct vm_host sys_host = {.prog_by_id = host_prog_by_id, .helper = host_helper};

static const struct helper *image_helper(void *user, uint32_t id)
{
	const struct prog_work *w = user;

	return sys_type_helper(w->v, w->type, id, NULL);
}

/* ---- verification and the runnable form --------------------------------------------------- */

/* Larger than that, the values of a frozen map are not taken as constants. */
#define PROG_MAX_CONSTANTS ((size_t)16 << 20)

/* Frozen, and nothing that programs write: constants. As others may hold the file, and verification
 * relies on them, they are made this process's own. */
static int prog_constants(struct map *map, struct verify_map *m)
{
	const uint32_t rdonly = BPF_F_RDONLY_PROG;
	int err;

	m->frozen = map_is_frozen(map);
	if (!m->frozen || !(m->desc.flags & rdonly) || m->desc.type != BPF_MAP_TYPE_ARRAY ||
	    m->desc.max_entries != 1 || map->size > PROG_MAX_CONSTANTS)
		return 0;
	err = map_snapshot(map);
	if (err)
		return err;
	m->contents = map_direct_value(map, 0);
	m->contents_size = m->contents ? m->desc.value_size : 0;
	return 0;
}

/* A map as verification sees it. *btf: of its values, with a reference. */
static int prog_map(struct prog_work *w, struct map *map, struct verify_map *m, struct obj **btf)
{
	char why[BTF_WHY] = "";
	int err = 0;

	m->desc = map->desc;
	if (map->btf_id) {
		*btf = store_by_id(w->v, OBJ_BTF, map->btf_id, &err);
		if (!*btf)
			return diag_fail(w->diag, err, "load", "map '%s': its types are gone",
					 map->desc.name);
		m->btf = (*btf)->btf;
		m->key_type_id = map->btf_key_type_id;
		m->value_type_id = map->btf_value_type_id;
		err = verify_map_init(m, NULL, why);
	}
	if (!err)
		err = prog_constants(map, m);
	return err ? diag_fail(w->diag, err, "load", "map '%s': %s", map->desc.name,
			       why[0] ? why : "its values cannot be read")
		   : 0;
}

static int prog_verify_image(struct prog_work *w, const struct verify_map *maps)
{
	struct verify_log log = {w->log ? w->log->log->level & 7 : 0, user_log_add, w->log};
	struct verify_image image = {
		.type = w->type,
		.maps = maps,
		.n_maps = w->head.n_load_maps,
		.structure_only = w->trust != TRUST_PROOF,
		.engine = true,
		.cap_bpf = true,
		.cap_perfmon = true,
		.cap_net_admin = true,
		.cap_sys_admin = true,
		.expected_attach_type = w->head.expected_attach_type,
		.flags = w->head.flags,
		.helper = image_helper,
		.user = w,
		.log = w->log ? &log : NULL,
	};
	int err;

	image_fill(&w->image, &image);
	if (w->btf)
		image.btf = w->btf->btf;
	err = verify_image(&image, &w->code, w->diag);
	return err ? err : image_check_info(&image, w->code, w->diag);
}

static int prog_verify(struct prog_work *w)
{
	struct verify_map maps[SYS_MAX_MAPS] = {0};
	struct obj *btfs[SYS_MAX_MAPS] = {0};
	int err = 0;

	for (uint32_t i = 0; !err && i < w->head.n_load_maps; i++)
		err = prog_map(w, w->maps[i]->map, &maps[i], &btfs[i]);
	if (!err)
		err = prog_verify_image(w, maps);
	for (uint32_t i = 0; i < w->head.n_load_maps; i++) {
		verify_map_done(&maps[i]);
		store_put(btfs[i]);
	}
	return err;
}

static const char *source_func(void *user, uint32_t subprog)
{
	const struct prog_work *w = user;
	const struct btf_type *t;

	if (!w->btf || subprog >= w->image.n_func_info)
		return NULL;
	t = btf_type(w->btf->btf, w->image.func_info[subprog].type_id);
	return t ? btf_str(w->btf->btf, t->name_off) : NULL;
}

static bool source_line(void *user, uint32_t insn, const char **file, uint32_t *line)
{
	const struct prog_work *w = user;
	const struct bpf_line_info *l = w->image.line_info;
	uint32_t lo = 0, hi = w->image.n_line_info;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (l[mid].insn_off <= insn)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!w->btf || !lo)
		return false;
	*file = btf_str(w->btf->btf, l[lo - 1].file_name_off);
	*line = BPF_LINE_INFO_LINE_NUM(l[lo - 1].line_col);
	return *file && **file;
}

static void prog_tell_unplaced(struct prog_work *w, const char *why)
{
	char text[160];

	if (w->v->unplaced)
		w->v->unplaced(w->head.name, why);
	snprintf(text, sizeof(text), "interpreted, not native code: %s\n", why);
	if (w->log)
		user_log_add(w->log, text, strlen(text));
}

static int prog_make(struct prog_work *w, uint32_t id, struct vm_prog **out)
{
	struct map *maps[SYS_MAX_MAPS];
	const struct vm_source source = {source_func, source_line, w};
	struct vm_keep keep;
	int err;
	struct vm_prog_attr attr = {
		.code = w->code,
		.maps = maps,
		.host = &w->v->host,
		.mode = w->trust == TRUST_CHECKS ? VM_CHECKED : VM_UNCHECKED,
		.blind = w->v->blind,
		.exec = w->trust == TRUST_CHECKS ? VM_EXEC_BEST : w->v->exec,
		.source = &source,
		.id = id,
	};

	if (kept_in(w->v, &keep))
		attr.keep = &keep;
	memcpy(attr.name, w->head.name, sizeof(attr.name));
	for (uint32_t i = 0; i < w->head.n_load_maps; i++)
		maps[i] = w->maps[i]->map;
	err = vm_prog_new(&attr, out, w->diag);
	if (!err && vm_prog_unplaced(*out))
		prog_tell_unplaced(w, vm_unplaced_text(vm_prog_unplaced(*out)));
	return err;
}

static void prog_work_free(struct prog_work *w)
{
	for (uint32_t i = 0; i < w->head.n_load_maps; i++)
		store_put(w->maps[i]);
	store_put(w->btf);
	verified_unref(w->code);
	image_free(&w->image);
}

static void *prog_dup(const void *p, size_t size)
{
	void *copy = malloc(size + 1);

	return copy ? memcpy(copy, p, size) : NULL;
}

/* The image of a program that is in a file. */
static int prog_image(struct prog_work *w, const struct sys_prog *prog)
{
	struct image *m = &w->image;

	m->n_insns = w->head.n_insns;
	m->n_func_info = w->head.n_func_info;
	m->n_line_info = w->head.n_line_info;
	m->gpl = w->head.gpl;
	memcpy(m->name, w->head.name, sizeof(m->name));
	m->insns = prog_dup(prog->insns, m->n_insns * sizeof(*m->insns));
	m->func_info = prog_dup(prog->func_info, m->n_func_info * sizeof(*m->func_info));
	m->line_info = prog_dup(prog->line_info, m->n_line_info * sizeof(*m->line_info));
	return m->insns && m->func_info && m->line_info ? 0 : -ENOMEM;
}

int sys_prog_vm(struct visor *v, struct obj *obj, struct vm_prog **out, struct visor_diag *diag)
{
	struct sys_prog *prog = obj->prog;
	struct vm_prog *vm = __atomic_load_n(&prog->vm, __ATOMIC_ACQUIRE);
	struct prog_work w = {.v = v, .diag = diag};
	int err = 0;

	if (vm) {
		*out = vm;
		return 0;
	}
	w.trust = v->trust == TRUST_CHECKS ? TRUST_CHECKS : TRUST_PROOF;
	w.head = *prog->head;
	w.head.n_load_maps = 0;
	w.type = sys_prog_type(v, w.head.type);
	if (!w.type)
		return diag_fail(diag, -EINVAL, "load", "program type %u is not known here",
				 w.head.type);
	if (prog_image(&w, prog)) {
		prog_work_free(&w);
		return diag_fail(diag, -ENOMEM, "load", "out of memory");
	}
	for (uint32_t i = 0; !err && i < prog->head->n_load_maps; i++) {
		w.maps[i] = store_by_id(v, OBJ_MAP, w.head.map_ids[i], &err);
		if (w.maps[i])
			w.head.n_load_maps++;
		else
			diag_fail(diag, err, "load", "map %u of program %u cannot be opened",
				  w.head.map_ids[i], obj->id);
	}
	if (!err && w.head.btf_id) {
		w.btf = store_by_id(v, OBJ_BTF, w.head.btf_id, &err);
		if (!w.btf)
			diag_fail(diag, err, "load", "the types of program %u cannot be opened",
				  obj->id);
	}
	if (!err)
		err = prog_verify(&w);
	if (!err) {
		pthread_mutex_lock(&prog->lock);
		if (!prog->vm) {
			err = prog_make(&w, obj->id, &vm);
			if (!err)
				__atomic_store_n(&prog->vm, vm, __ATOMIC_RELEASE);
		}
		*out = prog->vm;
		pthread_mutex_unlock(&prog->lock);
	}
	prog_work_free(&w);
	return err;
}

/* ---- files -------------------------------------------------------------------------------- */

int sys_prog_parse(void *file, size_t size, struct sys_prog **out)
{
	struct prog_head *head = file;
	struct sys_prog *prog;
	uint64_t want = sizeof(*head) + (uint64_t)head->n_insns * sizeof(struct bpf_insn) +
			(uint64_t)head->n_func_info * sizeof(struct bpf_func_info) +
			(uint64_t)head->n_line_info * sizeof(struct bpf_line_info);

	if (want != size || !head->n_insns || head->n_insns > IMAGE_MAX_INSNS ||
	    head->n_maps > SYS_MAX_MAPS || head->n_load_maps > head->n_maps || head->gpl > 1 ||
	    sys_name_check(head->name)) {
		free(file);
		return -EINVAL;
	}
	prog = calloc(1, sizeof(*prog));
	if (!prog) {
		free(file);
		return -ENOMEM;
	}
	pthread_mutex_init(&prog->lock, NULL);
	prog->head = head;
	prog->insns = (const struct bpf_insn *)(head + 1);
	prog->func_info = (const struct bpf_func_info *)(prog->insns + head->n_insns);
	prog->line_info = (const struct bpf_line_info *)(prog->func_info + head->n_func_info);
	*out = prog;
	return 0;
}

void sys_prog_free(struct sys_prog *prog)
{
	if (!prog)
		return;
	if (prog->vm)
		vm_prog_unref(prog->vm);
	pthread_mutex_destroy(&prog->lock);
	free(prog->head);
	free(prog);
}

int sys_prog_maps(const struct obj *obj, uint32_t ids[SYS_MAX_MAPS], uint32_t *n)
{
	struct prog_head head;

	if (pread(obj->fd, &head, sizeof(head), 0) != sizeof(head) || head.n_maps > SYS_MAX_MAPS)
		return -EIO;
	*n = head.n_maps;
	memcpy(ids, head.map_ids, sizeof(head.map_ids));
	return 0;
}

/* ---- loading: the parts ------------------------------------------------------------------- */

/* The tag covers the instructions without the map descriptors, which differ from run to run. */
static int prog_tag(struct prog_work *w)
{
	size_t size = w->head.n_insns * sizeof(*w->image.insns);
	struct bpf_insn *copy = malloc(size);
	bool by_index;

	if (!copy)
		return diag_fail(w->diag, -ENOMEM, "load", "out of memory");
	memcpy(copy, w->image.insns, size);
	for (uint32_t i = 0; i + 1 < w->head.n_insns; i++)
		if (image_insn_is_map(&copy[i], &by_index) && !by_index) {
			copy[i].imm = 0;
			copy[++i].imm = 0;
		}
	sys_tag(copy, size, w->head.tag);
	free(copy);
	return 0;
}

/* Index of the map in the program's list, added if new. Negative errno. */
static int prog_map_index(void *user, int fd, uint32_t insn)
{
	struct prog_work *w = user;
	uint32_t n = w->head.n_load_maps, type;
	int err;
	struct obj *obj = store_by_fd(w->v, fd, OBJ_MAP, &err);

	if (!obj) {
		diag_fail(w->diag, err, "load", "fd %d is not pointing to valid bpf_map", fd);
		diag_at(w->diag, "insn %u", insn);
		return err;
	}
	for (uint32_t i = 0; i < n; i++)
		if (w->maps[i] == obj) {
			store_put(obj);
			return (int)i;
		}
	if (n == SYS_MAX_MAPS) {
		store_put(obj);
		return diag_fail(w->diag, -E2BIG, "load",
				 "The total number of maps per program has reached the limit of %u",
				 SYS_MAX_MAPS);
	}
	w->maps[n] = obj;
	w->head.map_ids[n] = obj->id;
	w->head.n_maps = ++w->head.n_load_maps;
	if (obj->map->desc.type == BPF_MAP_TYPE_PROG_ARRAY) {
		err = store_prog_array_type(w->v, obj, &type);
		if (err)
			return diag_fail(w->diag, err, "load", "cannot look at the state");
		if (type && type != w->head.type)
			return diag_fail(w->diag, -EINVAL, "load",
					 "program array '%s' holds programs of another type",
					 obj->map->desc.name);
	}
	return (int)n;
}

/* Type information counts only for a program that uses it. */
static int prog_btf(struct prog_work *w, const union bpf_attr *attr)
{
	int err;

	if (!attr->func_info_cnt && !attr->line_info_cnt)
		return 0;
	w->btf = store_by_fd(w->v, (int)attr->prog_btf_fd, OBJ_BTF, &err);
	if (!w->btf)
		return diag_fail(w->diag, err, "load", "prog_btf_fd %d is not BTF",
				 (int)attr->prog_btf_fd);
	w->head.btf_id = w->btf->id;
	err = image_read_info(&w->image, attr, w->diag);
	w->head.n_func_info = w->image.n_func_info;
	w->head.n_line_info = w->image.n_line_info;
	return err;
}

/* ---- loading ------------------------------------------------------------------------------ */

static int prog_read(struct prog_work *w, const union bpf_attr *attr)
{
	struct timespec now;
	int err;

	if (attr->prog_flags & ~PROG_FLAGS)
		return diag_fail(w->diag, -EINVAL, "load", "flags 0x%x are not known here",
				 attr->prog_flags & ~PROG_FLAGS);
	err = image_check_count(attr, w->diag);
	if (err)
		return err;
	if (attr->prog_ifindex || attr->attach_btf_id || attr->attach_prog_fd ||
	    attr->core_relo_cnt)
		return diag_fail(w->diag, -EINVAL, "load",
				 "attachment to a device or a program is not possible here");
	err = image_read(&w->image, attr, w->diag);
	if (err)
		return err;
	w->type = sys_prog_type(w->v, attr->prog_type);
	if (!w->type)
		return diag_fail(w->diag, -EINVAL, "load", "this engine has no program type %u",
				 attr->prog_type);
	if (attr->prog_flags & BPF_F_SLEEPABLE)
		return diag_fail(w->diag, -EINVAL, "load",
				 "programs of type %s cannot be sleepable", w->type->name);
	w->head.type = attr->prog_type;
	w->head.expected_attach_type = attr->expected_attach_type;
	w->head.flags = attr->prog_flags;
	w->head.n_insns = attr->insn_cnt;
	w->head.uid = getuid();
	w->head.gpl = w->image.gpl;
	memcpy(w->head.name, w->image.name, sizeof(w->head.name));
	clock_gettime(CLOCK_BOOTTIME, &now);
	w->head.load_time = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	return prog_tag(w);
}

/* Those who only look at the program learn that it is native code, and how long. */
static int prog_note_native(struct prog_work *w, struct obj *obj)
{
	const struct vm_native *native = vm_prog_native(obj->prog->vm);
	int32_t *size = &obj->prog->head->native_size;

	*size = native ? (int32_t)native->size : vm_prog_unplaced(obj->prog->vm);
	if (pwrite(obj->fd, size, sizeof(*size), offsetof(struct prog_head, native_size)) !=
	    sizeof(*size))
		return diag_fail(w->diag, -EIO, "load", "cannot write the program's file");
	return 0;
}

/* Puts the program in the store, runnable. A new descriptor. */
static int prog_store(struct prog_work *w)
{
	const struct image *m = &w->image;
	size_t insns = m->n_insns * sizeof(*m->insns);
	size_t funcs = m->n_func_info * sizeof(*m->func_info);
	size_t lines = m->n_line_info * sizeof(*m->line_info);
	size_t body = insns + funcs + lines;
	char *file = malloc(sizeof(w->head) + body), *at = file + sizeof(w->head);
	struct obj *obj = NULL;
	uint32_t id;
	int fd, err;

	if (!file)
		return diag_fail(w->diag, -ENOMEM, "load", "out of memory");
	memcpy(at, m->insns, insns);
	if (funcs)
		memcpy(at + insns, m->func_info, funcs);
	if (lines)
		memcpy(at + insns + funcs, m->line_info, lines);
	err = store_begin(w->v, OBJ_PROG, &id, &fd);
	if (err) {
		free(file);
		return diag_fail(w->diag, err, "load", "no room in the object store");
	}
	obj = obj_new(OBJ_PROG, fd);
	err = obj ? obj_write(fd, &w->head.obj, OBJ_PROG, id, sizeof(w->head), at, body) : -ENOMEM;
	if (err) {
		diag_fail(w->diag, err, "load", "cannot write the program's file");
	} else {
		memcpy(file, &w->head, sizeof(w->head));
		err = sys_prog_parse(file, sizeof(w->head) + body, &obj->prog);
		file = NULL;
	}
	if (!err) {
		obj->id = id;
		err = prog_make(w, id, &obj->prog->vm);
	}
	if (!err)
		err = prog_note_native(w, obj);
	free(file);
	if (err) {
		if (obj)
			store_put(obj);
		else
			close(fd);
		store_abort(w->v, OBJ_PROG);
		return err;
	}
	err = store_commit(w->v, obj, 0);
	return err >= 0 ? err : diag_fail(w->diag, err, "load", "cannot publish the program");
}

/* What verification did not write: why the program was refused before, or behind it. */
static int prog_log_end(struct user_log_stream *s, const struct visor_diag *diag, int err)
{
	int log_err;

	if (err < 0 && (!s->total || strcmp(diag->stage, "verify") != 0)) {
		user_log_add(s, diag->text, strlen(diag->text));
		user_log_add(s, "\n", 1);
	}
	log_err = user_log_end(s);
	if (!log_err)
		return err;
	if (err >= 0)
		close(err);
	return log_err;
}

enum sys_trust sys_trust_of(bool checked, bool trusted)
{
	return checked ? TRUST_CHECKS : trusted ? TRUST_OWNER : TRUST_PROOF;
}

int sys_prog_load(struct visor *v, const union bpf_attr *attr, enum sys_trust trust,
		  struct visor_diag *diag)
{
	struct user_log log = {attr->log_buf, attr->log_size, attr->log_level};
	struct user_log_stream stream = {.log = &log};
	struct prog_work w = {
		.v = v, .trust = trust, .log = log.addr ? &stream : NULL, .diag = diag};
	const struct image_source source = {.map = prog_map_index, .user = &w};
	int err = prog_read(&w, attr);

	if (!err && user_log_check(&log)) {
		prog_work_free(&w);
		return diag_fail(diag, -EINVAL, "load", "log level, buffer and size do not fit");
	}
	if (err) {
		prog_work_free(&w);
		return err;
	}
	err = prog_btf(&w, attr);
	if (!err)
		err = image_resolve(&w.image, attr, &source, diag);
	if (!err)
		err = prog_verify(&w);
	if (!err)
		err = prog_store(&w);
	prog_work_free(&w);
	return log.addr ? prog_log_end(&stream, diag, err) : err;
}
