/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz/sides.c - running one program several ways (sides.h).
 *
 * A fault of native code ends its run by a jump out of the signal handler: whatever it held is
 * put back with the maps' memory.
 */
#include "sides.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

const char *const side_names[SIDES] = {
	[SIDE_INTERPRETED] = "interpreted",
	[SIDE_OTHER] = "interpreted again",
	[SIDE_CHECKED] = "checked",
	[SIDE_NATIVE] = "native",
};

bool sides_blind;
uint8_t sides_buffer[SIDES_BUFFER];
uint32_t *sides_visits;

/* The program types that are generated, each with its programs behind tail calls. */
enum { TYPES = 3, STABLE_RUNS = 24, GENERATED_ID = 1000, PLACE_SPARE = 1 << 16 };
enum { PLACE_EVEN = 0x480, PLACE_ODD = 0x9b40 };
static const uint32_t types[TYPES] = {BPF_PROG_TYPE_XDP, BPF_PROG_TYPE_SCHED_CLS,
				      BPF_PROG_TYPE_SOCKET_FILTER};
struct targets {
	struct vm_prog *progs[SIDES_TARGETS];
	struct map *array;
};
static struct targets targets[SIDES][TYPES];
static struct visor_run *runs[SIDES];
/* The context of runs, and another one for sides_stable(). */
static struct visor_packet *context, *contexts[2];
static bool with_native;

/* ---- ends that are not returns ------------------------------------------------------------ */

static sigjmp_buf way_out;
static volatile sig_atomic_t inside, ticks_inside;

static void on_signal(int number)
{
	if (number == SIGVTALRM && (!inside || ++ticks_inside < 3))
		return;
	if (!inside) { /* not a program's: it happens again */
		signal(number, SIG_DFL);
		return;
	}
	inside = 0;
	siglongjmp(way_out, number);
}

static void catch_signals(void)
{
	static const int numbers[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGVTALRM};
	static uint8_t stack[1 << 16];
	const stack_t alternative = {.ss_sp = stack, .ss_size = sizeof(stack)};
	const struct itimerval tick = {{0, 100000}, {0, 100000}};

	sigaltstack(&alternative, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		struct sigaction act = {.sa_handler = on_signal,
					.sa_flags = SA_NODEFER | SA_ONSTACK | SA_RESTART};

		sigaction(numbers[i], &act, NULL);
	}
	setitimer(ITIMER_VIRTUAL, &tick, NULL);
}

/* ---- what programs call ------------------------------------------------------------------- */

/* The same numbers on each side, but different ones from call to call. */
static uint64_t chance;

static uint64_t helper_chance(uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5,
			      struct visor_run *run)
{
	chance = chance * UINT64_C(6364136223846793005) + 1442695040888963407;
	return chance ^ chance >> 29;
}

static uint64_t helper_chance32(uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5,
				struct visor_run *run)
{
	return (uint32_t)helper_chance(a1, a2, a3, a4, a5, run);
}

static vm_helper_fn fixed_helper(void *user, const struct prog_type *type, uint32_t id,
				 const struct helper **desc)
{
	*desc = catalog_helper(id);
	switch (id) {
	case BPF_FUNC_ktime_get_ns:
	case BPF_FUNC_ktime_get_boot_ns:
	case BPF_FUNC_ktime_get_coarse_ns:
	case BPF_FUNC_ktime_get_tai_ns:
	case BPF_FUNC_jiffies64:
		return helper_chance;
	case BPF_FUNC_get_prandom_u32:
	case BPF_FUNC_get_numa_node_id:
		return helper_chance32;
	default:
		return NULL;
	}
}

static void quiet(void *user, const char *line)
{
}

static struct vm_prog *target_by_id(void *user, uint32_t id)
{
	struct targets *t = user;

	return id && id <= SIDES_TARGETS ? vm_prog_ref(t->progs[id - 1]) : NULL;
}

static struct vm_host hosts[SIDES][TYPES];

static int type_index(const struct prog_type *type)
{
	for (int i = 0; i < TYPES; i++)
		if (types[i] == type->type)
			return i;
	return -1;
}

/* ---- making programs ---------------------------------------------------------------------- */

static int make(enum side side, const struct vm_host *host, const struct verified *v,
		struct map *const *maps, uint32_t id, struct vm_prog **out)
{
	struct vm_prog_attr attr = {.code = v,
				    .maps = maps,
				    .host = host,
				    .mode = side == SIDE_CHECKED ? VM_CHECKED : VM_UNCHECKED,
				    .exec = side == SIDE_NATIVE ? VM_EXEC_NATIVE
								: VM_EXEC_INTERPRETED,
				    .blind = sides_blind,
				    .id = id,
				    .name = "fuzz"};

	return vm_prog_new(&attr, out, NULL);
}

static int make_guarded(enum side side, const struct vm_host *host, const struct verified *v,
			struct map *const *maps, struct vm_prog **out)
{
	int err;

	*out = NULL;
	if (sigsetjmp(way_out, 0))
		return -EFAULT;
	ticks_inside = 0;
	inside = 1;
	err = make(side, host, v, maps, GENERATED_ID, out);
	inside = 0;
	return err;
}

int seat_take(struct seat *seat, enum side side, const struct stage *s, const struct base_image *m,
	      const struct verified *v)
{
	static const struct vm_host plain = {.trace = quiet, .helper = fixed_helper};
	int type = type_index(v->type);
	struct map *maps[WORLD_MAPS];

	for (uint32_t i = 0; i < m->image.n_maps; i++) {
		maps[i] = s->base->maps[m->maps[i].desc.id - 1];
		if (s->targets && maps[i]->desc.type == BPF_MAP_TYPE_PROG_ARRAY)
			maps[i] = targets[side][type].array;
	}
	seat->side = side;
	seat->fill = 0;
	seat->run = runs[side];
	return make_guarded(side, type >= 0 ? &hosts[side][type] : &plain, v, maps, &seat->prog);
}

void seat_leave(struct seat *seat)
{
	vm_prog_unref(seat->prog);
	seat->prog = NULL;
}

/* ---- behind tail calls ---------------------------------------------------------------------- */

/* The first counts, the second calls itself until it may not any more. */
static const char target_world[] = "# map: arr array 4 48 4\n"
				   "# map: progs prog_array 4 4 2\n";
static const char *const target_text[SIDES_TARGETS] = {"*(u32 *)(r10 -4) = 1\n"
						       "r6 = *(u32 *)(r1 +0)\n"
						       "r2 = r10\nr2 += -4\n"
						       "r1 = map[arr]\n"
						       "call bpf_map_lookup_elem\n"
						       "if r0 == 0 goto out\n"
						       "r1 = 3\n"
						       "lock *(u64 *)(r0 +8) += r1\n"
						       "out:\nr0 = 1\nexit\n",
						       "r6 = r1\n"
						       "*(u32 *)(r10 -4) = 2\n"
						       "r2 = r10\nr2 += -4\n"
						       "r1 = map[arr]\n"
						       "call bpf_map_lookup_elem\n"
						       "if r0 == 0 goto out\n"
						       "r1 = *(u32 *)(r0 +4)\n"
						       "r1 += 1\n"
						       "*(u32 *)(r0 +4) = r1\n"
						       "r1 = r6\nr2 = map[progs]\nr3 = 1\n"
						       "call bpf_tail_call\n"
						       "out:\nr0 = 2\nexit\n"};

static struct map *make_map(const struct map_desc *desc, uint32_t id)
{
	struct map_attr attr = {.type = desc->type,
				.key_size = desc->key_size,
				.value_size = desc->value_size,
				.max_entries = desc->max_entries,
				.flags = desc->flags};
	int fd = memfd_create("map", MFD_CLOEXEC);
	struct map *map;

	if (map_new(&attr, id, fd, &map, NULL)) {
		close(fd);
		return NULL;
	}
	return map;
}

static int targets_of(enum side side, int type, struct map *array_map)
{
	struct targets *t = &targets[side][type];
	int err = 0;

	hosts[side][type] = (struct vm_host){
		.trace = quiet, .helper = fixed_helper, .prog_by_id = target_by_id, .user = t};
	for (uint32_t i = 0; i < SIDES_TARGETS && !err; i++) {
		struct base *b = base_of_text(types[type], target_world, target_text[i]);
		struct base_image *m = malloc(sizeof(*m));
		struct map *maps[WORLD_MAPS];
		const struct verified *v;
		struct visor_diag diag;

		if (!t->array)
			t->array = make_map(&b->world.view[1].desc, 77);
		base_image(b, &b->one, NULL, 0, m);
		m->image.engine = true;
		for (uint32_t k = 0; k < m->image.n_maps; k++)
			maps[k] = m->maps[k].desc.type == BPF_MAP_TYPE_ARRAY ? array_map : t->array;
		if (verify_image(&m->image, &v, &diag)) {
			visor_diag_print(&diag, stderr);
			exit(2);
		}
		err = make(side, &hosts[side][type], v, maps, i + 1, &t->progs[i]);
		verified_unref(v);
		base_free(b);
		free(m);
		if (!err)
			map_user_update(t->array, &i, &(uint32_t){i + 1}, BPF_ANY);
	}
	return err;
}

int stage_targets(struct stage *s)
{
	struct map *array_map = s->base->maps[PROGRAMS_ARRAY];
	int err = 0;

	s->targets = true;
	for (int side = 0; side < SIDES && !err; side++)
		for (int type = 0; type < TYPES && !err; type++)
			if (side != SIDE_NATIVE || with_native)
				err = targets_of((enum side)side, type, array_map);
	return err;
}

/* Memory at unlike addresses: what is negative in the lower half of one, or in its lower 16 bits,
 * or odd in some way, is not in the next one. (Not in the bits below 64: runs are aligned so.) */
static void *place(size_t size, uint64_t number)
{
	uint64_t hint =
		(UINT64_C(0x2100) + number) << 32 | (number & 1 ? 0x90000000u : 0x10000000u);
	uint8_t *at = mmap((void *)(uintptr_t)hint, size + PLACE_SPARE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		abort();
	return at + (number & 1 ? PLACE_ODD : PLACE_EVEN);
}

static void place_free(void *at, size_t size, uint64_t number)
{
	munmap((uint8_t *)at - (number & 1 ? PLACE_ODD : PLACE_EVEN), size + PLACE_SPARE);
}

void sides_init(bool native, struct visor_run *on_stack)
{
	int cpu = sched_getcpu();
	cpu_set_t set;

	with_native = native;
	CPU_ZERO(&set);
	CPU_SET(cpu < 0 ? 0 : (unsigned)cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
	for (uint64_t i = 0; i < SIDES; i++) {
		runs[i] = i == SIDE_OTHER ? on_stack : place(sizeof(**runs), i);
		vm_run_init(runs[i]);
	}
	for (uint64_t i = 0; i < 2; i++)
		contexts[i] = place(sizeof(**contexts), SIDES + i);
	context = contexts[0];
	catch_signals();
}

void sides_done(void)
{
	for (int side = 0; side < SIDES; side++) {
		for (int type = 0; type < TYPES; type++) {
			struct targets *t = &targets[side][type];

			if (t->array)
				vm_map_forget(t->array);
			for (uint32_t i = 0; i < SIDES_TARGETS; i++)
				vm_prog_unref(t->progs[i]);
			if (t->array)
				map_unref(t->array);
		}
		if (side != SIDE_OTHER)
			place_free(runs[side], sizeof(**runs), (uint64_t)side);
	}
	for (uint64_t i = 0; i < 2; i++)
		place_free(contexts[i], sizeof(**contexts), SIDES + i);
}

/* ---- maps ----------------------------------------------------------------------------------- */

static bool is_percpu(const struct map *map)
{
	return map->kind->traits & MAP_PER_CPU;
}

static void fill_map(struct map *map)
{
	static uint64_t value[1 << 13];
	size_t size = map_user_value_size(map);

	if (map->desc.key_size > 8 || size > sizeof(value) ||
	    map->desc.type == BPF_MAP_TYPE_PROG_ARRAY || map->desc.type == BPF_MAP_TYPE_RINGBUF ||
	    map->desc.type == BPF_MAP_TYPE_DEVMAP)
		return;
	for (uint64_t key = 0; key < 6; key++) {
		for (size_t i = 0; i < size / 8 + 1; i++)
			value[i] = programs_number();
		if (programs_pick(3))
			map_user_update(map, &key, value, BPF_ANY);
	}
}

bool stage_open(struct stage *s, struct base *b)
{
	bool ok = true;

	memset(s, 0, sizeof(*s));
	s->base = b;
	for (uint32_t m = 0; m < b->world.n_maps && ok; m++) {
		const struct map_desc *desc = &b->world.view[m].desc;

		/* Of maps that programs cannot use in the engine nothing is needed. */
		if (!catalog_map(desc->type) || b->world.view[m].record || b->world.view[m].inner)
			continue;
		b->maps[m] = make_map(desc, m + 1);
		ok = !b->maps[m] || b->maps[m]->size <= SIDES_MAP_MAX;
		if (!ok || !b->maps[m])
			continue;
		if (b->world.view[m].contents) {
			map_user_update(b->maps[m], &(uint32_t){0}, b->world.view[m].contents,
					BPF_ANY);
			map_freeze(b->maps[m]);
		}
	}
	return ok;
}

/* Made when they are first wanted. */
static uint8_t *variant(const struct stage *s, uint32_t m, uint32_t which)
{
	struct stage *own = (struct stage *)s;
	struct map *map = s->base->maps[m];

	if (!own->after[m])
		own->after[m] = malloc(map->size);
	if (!own->variants[m][which]) {
		if (which)
			memcpy(map->mem, variant(s, m, 0), map->size);
		own->variants[m][which] = malloc(map->size);
		if (which && !map_is_frozen(map))
			fill_map(map);
		memcpy(own->variants[m][which], map->mem, map->size);
	}
	return own->variants[m][which];
}

void stage_close(struct stage *s, struct base *b)
{
	for (uint32_t m = 0; m < b->world.n_maps; m++) {
		for (uint32_t i = 0; i < SIDES_VARIANTS; i++)
			free(s->variants[m][i]);
		free(s->after[m]);
		if (b->maps[m])
			map_unref(b->maps[m]);
		b->maps[m] = NULL;
	}
}

/* Those that the program names, and what programs behind its tail calls write. */
static uint32_t maps_used(const struct stage *s, const struct base_image *m)
{
	uint32_t used = 0;

	for (uint32_t i = 0; i < m->image.n_maps; i++) {
		if (m->maps[i].desc.type != BPF_MAP_TYPE_PROG_ARRAY)
			used |= 1u << (m->maps[i].desc.id - 1);
		else if (s->targets)
			used |= 1u << PROGRAMS_ARRAY;
	}
	return used;
}

#define EACH_MAP(s, m, at, map)                                                     \
	for (uint32_t left_ = maps_used(s, m), at;                                  \
	     left_ && (at = (uint32_t)__builtin_ctz(left_), 1); left_ &= left_ - 1) \
		for (struct map *map = (s)->base->maps[at]; map; map = NULL)

static void maps_restore(const struct stage *s, const struct base_image *m, uint32_t which)
{
	EACH_MAP(s, m, at, map)
	memcpy(map->mem, variant(s, at, which), map->size);
}

void stage_keep(const struct stage *s, const struct base_image *m)
{
	EACH_MAP(s, m, at, map)
	memcpy(s->after[at], map->mem, map->size);
}

void stage_restore(const struct stage *s, const struct base_image *m, const struct input *in)
{
	maps_restore(s, m, in->variant);
}

void stage_recall(const struct stage *s, const struct base_image *m)
{
	EACH_MAP(s, m, at, map)
	memcpy(map->mem, s->after[at], map->size);
}

uint32_t stage_maps(const struct stage *s, const struct base_image *m, struct map *maps[WORLD_MAPS],
		    uint32_t numbers[WORLD_MAPS])
{
	uint32_t n = 0;

	EACH_MAP(s, m, at, map)
	{
		maps[n] = map;
		numbers[n++] = at;
	}
	return n;
}

/* ---- entries -------------------------------------------------------------------------------- */

static size_t compare_size;

static int compare_entries(const void *a, const void *b)
{
	return memcmp(a, b, compare_size);
}

void entries_read(struct map *map, struct entries *e)
{
	uint32_t key_size = ALIGN_UP(MAX(map->desc.key_size, 1U), 8);
	uint32_t value_size = ALIGN_UP((uint32_t)map_user_value_size(map), 8);
	uint8_t *last = NULL;

	memset(e, 0, sizeof(*e));
	e->size = key_size + value_size;
	if (map->desc.type == BPF_MAP_TYPE_RINGBUF || map->desc.type == BPF_MAP_TYPE_PROG_ARRAY)
		return;
	e->bytes = calloc(map->desc.max_entries, e->size);
	while (e->n < map->desc.max_entries) {
		uint8_t *at = e->bytes + (size_t)e->n * e->size;

		if (map_user_next_key(map, last, at))
			break;
		if (map_user_lookup(map, at, at + key_size, 0))
			memset(at + key_size, 0xee, value_size);
		last = at;
		e->n++;
	}
	compare_size = e->size;
	qsort(e->bytes, e->n, e->size, compare_entries);
}

bool entries_equal(const struct entries *a, const struct entries *b)
{
	return a->n == b->n && a->size == b->size && !memcmp(a->bytes, b->bytes, a->n * a->size);
}

void entries_free(struct entries *e)
{
	free(e->bytes);
	e->bytes = NULL;
}

/* Of hash maps the order of what is in them, and where, may differ. */
static bool map_equal(const struct stage *s, uint32_t at, struct map *map)
{
	struct entries now, before;
	uint8_t *copy;
	bool equal;

	if (!memcmp(map->mem, s->after[at], map->size))
		return true;
	if (map->desc.type != BPF_MAP_TYPE_HASH && map->desc.type != BPF_MAP_TYPE_LRU_HASH &&
	    map->desc.type != BPF_MAP_TYPE_PERCPU_HASH &&
	    map->desc.type != BPF_MAP_TYPE_LRU_PERCPU_HASH &&
	    map->desc.type != BPF_MAP_TYPE_LPM_TRIE)
		return false;
	copy = malloc(map->size);
	memcpy(copy, map->mem, map->size);
	entries_read(map, &now);
	memcpy(map->mem, s->after[at], map->size);
	entries_read(map, &before);
	equal = entries_equal(&now, &before);
	memcpy(map->mem, copy, map->size);
	entries_free(&now);
	entries_free(&before);
	free(copy);
	return equal;
}

/* ---- running -------------------------------------------------------------------------------- */

/* The room around packets, and what is known of them, as BPF_PROG_TEST_RUN of the kernel has it. */
static void input_as_kernel(struct input *in, const struct base *b)
{
	static const uint8_t own[ETH_ALEN];
	struct visor_packet *pkt = &in->pkt;
	uint8_t *frame = in->bytes + SIDES_HEADROOM;
	uint16_t type;

	memset(in->bytes, 0, (size_t)(pkt->meta - sides_buffer));
	memset(in->bytes + (pkt->end - sides_buffer), 0,
	       (size_t)(sides_buffer + SIDES_BUFFER - pkt->end));
	pkt->ifindex = pkt->ingress_ifindex = 1;
	pkt->stop -= 320;
	if (b->type->type == BPF_PROG_TYPE_XDP) {
		pkt->start += 40;
		return;
	}
	pkt->ingress_ifindex = 0;
	if (frame[12] < 6) /* lengths are another matter */
		frame[12] |= 8;
	memcpy(&type, frame + 12, 2);
	pkt->protocol = type;
	pkt->pkt_type = !memcmp(frame, own, ETH_ALEN) ? 0 : frame[0] & 1 ? 2 : 3;
	if (b->type->type == BPF_PROG_TYPE_SOCKET_FILTER)
		pkt->meta = pkt->data += ETH_HLEN;
	pkt->len = pkt->wire_len = (uint32_t)(pkt->end - pkt->data);
}

/* Those of which the kernel knows nothing. */
static void input_fields(struct visor_packet *pkt)
{
	pkt->hash = (uint32_t)programs_number();
	pkt->hash_set = programs_pick(2);
	pkt->protocol = programs_pick(2) ? 8 : (uint16_t)programs_number();
	pkt->ingress_ifindex = pkt->ifindex = programs_pick(4);
	pkt->rx_queue_index = programs_pick(3);
	pkt->queue_mapping = programs_pick(3);
	pkt->vlan_present = programs_pick(2);
	pkt->vlan_tci = pkt->vlan_present ? programs_pick(4096) : 0;
}

void input_make(struct input *in, const struct base *b, bool kernel)
{
	static const uint16_t below[] = {1, 15, 64, 64, 64, 256, 1500};
	uint32_t len = programs_pick(below[programs_pick(ARRAY_SIZE(below))]);
	struct visor_packet *pkt = &in->pkt;

	if (kernel)
		len += 54;
	for (uint32_t i = 0; i < SIDES_HEADROOM + len + 64; i += 8) {
		uint64_t v = programs_number();

		memcpy(in->bytes + i, &v, 8);
	}
	in->variant = programs_pick(SIDES_VARIANTS);
	in->chance = programs_number();
	visor_packet_init(pkt, sides_buffer, SIDES_BUFFER, SIDES_HEADROOM, len);
	if (b->type->type == BPF_PROG_TYPE_XDP && programs_pick(2))
		pkt->meta -= 4 * programs_pick(8);
	if (b->type->type != BPF_PROG_TYPE_XDP || !kernel) {
		pkt->mark = (uint32_t)programs_number();
		pkt->priority = (uint32_t)programs_number();
		for (uint32_t i = 0; i < 5; i++)
			pkt->cb[i] = (uint32_t)programs_number();
		pkt->tstamp = programs_number();
	}
	if (kernel)
		input_as_kernel(in, b);
	else
		input_fields(pkt);
}

/* With zeros, as native code finds its stack, with ones, or with numbers of which some are small,
 * as those of programs are. */
static void frames_fill(struct visor_run *run, uint64_t seed)
{
	for (uint32_t i = 0; i < VM_MAX_FRAMES; i++) {
		memset(run->frames[i].stack, seed ? 0xff : 0, VM_STACK_SIZE);
		for (uint32_t k = 0; k < VM_STACK_SIZE && seed > 1; k += 8) {
			uint64_t v;

			seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
			v = (seed ^ seed << 32) >> (seed >> 63) * (seed >> 58);
			memcpy(run->frames[i].stack + k, &v, 8);
		}
	}
}

static void step(struct visor_run *run, uint32_t insn, const uint64_t *r, uint32_t reads)
{
	if (sides_visits && vm_prog_id(run->prog) == GENERATED_ID)
		sides_visits[insn]++;
}

void seat_run(struct seat *seat, const struct stage *s, const struct base_image *m,
	      const struct input *in, struct outcome *out)
{
	struct visor_run *run = seat->run;
	uint64_t ret = 0;

	maps_restore(s, m, in->variant);
	frames_fill(run, seat->fill);
	memcpy(sides_buffer, in->bytes, SIDES_BUFFER);
	*context = in->pkt;
	out->err = 0;
	chance = in->chance;
	run->n_regions = 0;
	run->fault.text[0] = '\0';
	run->insn_limit = SIDES_LIMIT;
	run->step = step;
	vm_enter(run);
	out->signal = sigsetjmp(way_out, 0);
	if (!out->signal) {
		ticks_inside = 0;
		inside = 1;
		if (in->chance & 1) /* native code has another entry for batches */
			out->err =
				vm_prog_run_batch(seat->prog, run, &(void *){context}, 1, &ret) == 1
					? 0
					: -EFAULT;
		else
			out->err = vm_prog_run(seat->prog, run, context, 0, &ret);
		inside = 0;
	}
	vm_leave(run);
	out->pkt = *context;
	out->ret = out->signal ? 0 : ret;
	memcpy(out->bytes, sides_buffer, SIDES_BUFFER);
}

const char *sides_differ(const struct stage *s, const struct base_image *m, const struct outcome *a,
			 const struct outcome *b)
{
	if (a->signal != b->signal)
		return "one was killed";
	if (a->err != b->err)
		return "one failed";
	if (a->ret != b->ret)
		return "return values";
	if (a->pkt.data != b->pkt.data || a->pkt.end != b->pkt.end || a->pkt.meta != b->pkt.meta)
		return "packet bounds";
	if (memcmp(&a->pkt, &b->pkt, sizeof(a->pkt)))
		return "fields of the context";
	if (memcmp(a->bytes, b->bytes, SIDES_BUFFER))
		return "packet bytes";
	EACH_MAP(s, m, at, map)
	if (!map_equal(s, at, map))
		return map->desc.type == BPF_MAP_TYPE_RINGBUF ? "ring buffer" : "contents of maps";
	return NULL;
}

bool sides_stable(const struct stage *s, const struct base_image *m, const struct verified *v,
		  const struct input *in)
{
	static struct outcome a, b;
	struct seat one, two;
	bool same = true;

	/* What other functions left on the stack is not ours to say. */
	if (v->reads_unwritten && v->n_subprogs > 1)
		return false;
	if (seat_take(&one, SIDE_INTERPRETED, s, m, v))
		return false;
	/* The other one has program arrays of its own. */
	if (seat_take(&two, SIDE_OTHER, s, m, v)) {
		seat_leave(&one);
		return false;
	}
	one.fill = 3;
	seat_run(&one, s, m, in, &a);
	stage_keep(s, m);
	for (uint64_t i = 0; i < STABLE_RUNS && same; i++) {
		two.run = runs[i % 2 ? SIDE_OTHER : SIDE_NATIVE]; /* with other addresses */
		two.fill = i;
		context = contexts[1];
		seat_run(&two, s, m, in, &b);
		context = contexts[0];
		same = !sides_differ(s, m, &a, &b);
	}
	seat_leave(&one);
	seat_leave(&two);
	return same;
}

/* ---- for people ----------------------------------------------------------------------------- */

enum { SHOWN = 160 }; /* bytes */

static void print_hex(const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < MIN(n, (size_t)SHOWN); i++)
		printf("%02x", bytes[i]);
	if (n > SHOWN)
		printf("... (%zu bytes)", n);
}

void input_print(const struct stage *s, const struct base_image *m, const struct input *in)
{
	const struct visor_packet *pkt = &in->pkt;
	size_t at = (size_t)(pkt->meta - sides_buffer), len = (size_t)(pkt->end - pkt->meta);

	printf("# packet, %zu bytes of metadata first: ", (size_t)(pkt->data - pkt->meta));
	print_hex(in->bytes + at, len);
	printf("\n# mark %#x priority %#x hash %#x protocol %#x ifindex %u rx_queue_index %u "
	       "vlan %u %#x cb %#x %#x %#x %#x %#x tstamp %#llx chance %#llx\n",
	       pkt->mark, pkt->priority, pkt->hash, pkt->protocol, pkt->ifindex,
	       pkt->rx_queue_index, pkt->vlan_present, pkt->vlan_tci, pkt->cb[0], pkt->cb[1],
	       pkt->cb[2], pkt->cb[3], pkt->cb[4], (unsigned long long)pkt->tstamp,
	       (unsigned long long)in->chance);
	maps_restore(s, m, in->variant);
	EACH_MAP(s, m, which, map)
	{
		uint32_t key_size = ALIGN_UP(MAX(map->desc.key_size, 1U), 8);
		struct entries e;

		entries_read(map, &e);
		for (uint32_t i = 0; i < e.n && i < 8; i++) {
			printf("# %s[", s->base->world.maps[which].desc.name);
			print_hex(e.bytes + (size_t)i * e.size, map->desc.key_size);
			printf("] = ");
			print_hex(e.bytes + (size_t)i * e.size + key_size, e.size - key_size);
			printf("%s\n", is_percpu(map) ? " (each CPU's)" : "");
		}
		entries_free(&e);
	}
}

void outcome_print(const char *who, const struct outcome *o)
{
	if (o->signal) {
		printf("# %s: signal %d (%s)\n", who, o->signal, strsignal(o->signal));
		return;
	}
	printf("# %s: %d, r0 = %#llx, packet %+td to %+td: ", who, o->err,
	       (unsigned long long)o->ret, o->pkt.data - sides_buffer - SIDES_HEADROOM,
	       o->pkt.end - sides_buffer - SIDES_HEADROOM);
	print_hex(o->bytes + (o->pkt.data - sides_buffer), (size_t)(o->pkt.end - o->pkt.data));
	printf("\n");
}
