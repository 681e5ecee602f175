/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm/check.c - checked mode: what a program may touch, and how it is told off.
 *
 * Memory a program may touch: the stacks of the functions on its call chain, its context
 * by the catalog's fields, the packet's bytes and metadata, values of its maps, memory
 * behind pointer fields of custom contexts, and the regions of the run. An access must lie
 * within one of them. Nothing is remembered between accesses but which map or region the
 * last one hit, so pointers kept across a packet move are judged by where they point now.
 *
 * A checked program of a packet type does not see the struct visor_packet: its context is
 * an address in run->window that stands for the UAPI's layout.
 */
#include "vm/prog.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

/* Of a memory argument, and of a distance that is added to a pointer, as in the kernel. */
#define CHECK_MAX_SIZE (UINT64_C(1) << 29)

/* ---- faults ---------------------------------------------------------------------------------- */

bool check_fail(struct visor_run *run, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(run->fault.text, sizeof(run->fault.text), fmt, ap);
	va_end(ap);
	return false;
}

static void check_drop_region(struct visor_run *run, uint32_t n)
{
	run->regions[n] = run->regions[--run->n_regions];
}

/* Gives back what a stopped program has reserved: the ring would be stuck otherwise. */
static void check_drop_records(struct visor_run *run)
{
	for (uint32_t n = run->n_regions; n-- > 0;) {
		struct map *map =
			run->regions[n].record ? ringbuf_owner(run->regions[n].start) : NULL;

		if (map)
			ringbuf_discard(map, run->regions[n].start, 0);
		if (run->regions[n].record)
			check_drop_region(run, n);
	}
}

void check_stop(struct visor_run *run, const struct vm_prog *prog, const struct vm_insn *pc)
{
	if (run->stopped) /* the fault was in a nested run, which has said where */
		return;
	run->stopped = true;
	run->fault.prog_id = prog->id;
	memcpy(run->fault.prog, prog->name, sizeof(run->fault.prog));
	run->fault.insn = (uint32_t)(pc - prog->code);
	check_drop_records(run);
}

bool check_exit(struct visor_run *run)
{
	for (uint32_t n = 0; n < run->n_regions; n++)
		if (run->regions[n].record)
			return check_fail(run,
					  "exit with an unreleased ring buffer record of %u bytes",
					  run->regions[n].size);
	return true;
}

/* ---- where an address is ------------------------------------------------------------------- */

struct check_place {
	bool writable;
	bool packet;
};

static inline bool check_within(uint64_t addr, uint64_t size, uint64_t start, uint64_t len)
{
	uint64_t off = addr - start;

	return off < len && size <= len - off;
}

static inline uint64_t check_addr(const void *p)
{
	return (uintptr_t)p;
}

static bool check_stack(const struct visor_run *run, uint64_t addr, uint64_t size)
{
	uint64_t off = addr - check_addr(run->frames);
	uint64_t depth = (uint64_t)(run->frame - run->frames) + 1;

	return off < depth * sizeof(struct vm_frame) &&
	       check_within(off % sizeof(struct vm_frame), size, 0, VM_STACK_SIZE);
}

static bool check_packet(const struct visor_run *run, uint64_t addr, uint64_t size)
{
	const struct visor_packet *pkt = run->ctx;

	return check_within(addr, size, check_addr(pkt->data), (uint64_t)(pkt->end - pkt->data)) ||
	       check_within(addr, size, check_addr(pkt->meta), (uint64_t)(pkt->data - pkt->meta));
}

/* Memory behind the pointer fields of a custom context; a context without fields is plain
 * memory itself. */
static bool check_custom(const struct visor_run *run, uint64_t addr, uint64_t size)
{
	const struct prog_type *type = run->prog->verified->type;

	if (!type->n_fields)
		return check_within(addr, size, check_addr(run->ctx), type->ctx_size);
	for (uint32_t i = 0; i < type->n_fields; i++) {
		const struct ctx_field *f = &type->fields[i];

		if (f->yield == CTX_POINTER &&
		    check_within(addr, size, get_u64((uint8_t *)run->ctx + f->engine_off),
				 f->region))
			return true;
	}
	return false;
}

/* Maps and regions as one list: the program's maps, then the regions of the run. */
static bool check_piece(struct visor_run *run, uint32_t n, uint64_t addr, uint64_t size,
			bool *writable)
{
	const struct vm_prog *prog = run->prog;
	const struct vm_region *r;

	if (n < prog->n_maps) /* of a ring only the reserved records, which are regions */
		return !(prog->maps[n]->kind->traits & MAP_NO_LOOKUP) &&
		       map_value_contains(prog->maps[n], (const void *)addr, size, writable);
	if (n >= prog->n_maps + run->n_regions)
		return false;
	r = &run->regions[n - prog->n_maps];
	*writable = r->writable;
	return check_within(addr, size, check_addr(r->start), r->size);
}

static bool check_pieces(struct visor_run *run, uint64_t addr, uint64_t size, bool *writable)
{
	uint32_t recent = run->recent, all = run->prog->n_maps + run->n_regions;

	if (check_piece(run, recent, addr, size, writable))
		return true;
	for (uint32_t n = 0; n < all; n++) {
		if (n != recent && check_piece(run, n, addr, size, writable)) {
			run->recent = n;
			return true;
		}
	}
	return false;
}

/* Everything but the context. */
static bool check_find(struct visor_run *run, uint64_t addr, uint64_t size,
		       struct check_place *place)
{
	const struct prog_type *type = run->prog->verified->type;

	*place = (struct check_place){.writable = true};
	if (check_stack(run, addr, size))
		return true;
	if (type->packet && check_packet(run, addr, size)) {
		place->packet = true;
		place->writable = type->direct_write;
		return true;
	}
	return check_pieces(run, addr, size, &place->writable) ||
	       (!type->packet && run->ctx && check_custom(run, addr, size));
}

/* ---- words ------------------------------------------------------------------------------------
 */

/* addr is near [start, start + len): an access that missed was probably meant for it. */
static bool check_near(uint64_t addr, uint64_t start, uint64_t len, long long *off)
{
	const uint64_t near = 4096;

	*off = (long long)(addr - start);
	return addr - (start - near) < len + 2 * near;
}

/* Says where addr is, as well as can be told, and what the limit is there. */
static void check_describe(const struct visor_run *run, uint64_t addr, char *text, size_t room)
{
	const struct vm_prog *prog = run->prog;
	const struct visor_packet *pkt = run->ctx;
	long long off;
	bool writable;

	if (addr < 4096) {
		snprintf(text, room, "null pointer +%llu", (unsigned long long)addr);
		return;
	}
	for (uint32_t i = 0; i < prog->n_maps; i++) {
		const struct map_desc *desc = &prog->maps[i]->desc;

		if (prog->maps[i]->kind->traits & MAP_NO_LOOKUP ||
		    !map_value_contains(prog->maps[i], (const void *)addr, 1, &writable))
			continue;
		snprintf(text, room,
			 "value of map '%s': it has %u bytes, the access crosses its end",
			 desc->name, desc->value_size);
		return;
	}
	if (check_near(addr, check_addr(run->frame->stack), VM_STACK_SIZE, &off)) {
		snprintf(text, room, "stack r10%+lld: a function has the %d bytes below r10",
			 off - VM_STACK_SIZE, VM_STACK_SIZE);
		return;
	}
	for (uint32_t i = 0; i < run->n_regions; i++) {
		const struct vm_region *r = &run->regions[i];

		if (!check_near(addr, check_addr(r->start), r->size, &off))
			continue;
		snprintf(text, room, "%s %+lld: it has %u bytes", r->what, off, r->size);
		return;
	}
	if (prog->verified->type->packet &&
	    check_near(addr, check_addr(pkt->data), (uint64_t)(pkt->end - pkt->data), &off)) {
		snprintf(text, room, "packet %+lld: the packet has %lld bytes", off,
			 (long long)(pkt->end - pkt->data));
		return;
	}
	snprintf(text, room, "address 0x%llx: no memory of this program", (unsigned long long)addr);
}

static const char *check_verb(unsigned kind)
{
	return kind & CHECK_ATOMIC ? "atomic access" : kind & CHECK_WRITE ? "write" : "read";
}

static bool check_context_fail(struct visor_run *run, uint64_t off, uint32_t size, unsigned kind)
{
	const struct prog_type *type = run->prog->verified->type;
	const struct ctx_field *f = catalog_ctx_field(type, (uint32_t)off, size);
	const char *verb = check_verb(kind);

	if (off >= type->ctx_size)
		return check_fail(run,
				  "%s of %u bytes at context +%llu: the context of %s has %u bytes",
				  verb, size, (unsigned long long)off, type->name, type->ctx_size);
	if (!f)
		return check_fail(run, "%s of %u bytes at context +%llu: no field of %s", verb,
				  size, (unsigned long long)off, type->name);
	if (kind & CHECK_ATOMIC)
		return check_fail(run, "atomic access to the context");
	if (kind & CHECK_WRITE && !(f->access & CTX_W))
		return check_fail(run, "write to read-only context field %s at +%u", f->name,
				  f->off);
	if (!(f->access & CTX_R))
		return check_fail(run, "read of context field %s at +%u: out of reach for %s",
				  f->name, f->off, type->name);
	return check_fail(
		run, "%s of %u bytes at context +%llu: not a whole of field %s (+%u, %u bytes)",
		verb, size, (unsigned long long)off, f->name, f->off, f->size);
}

/* ---- accesses ---------------------------------------------------------------------------------
 */

uint64_t check_ctx(const struct visor_run *run, const struct vm_prog *prog)
{
	if (prog->mode == VM_CHECKED && prog->verified->type->packet)
		return check_addr(run->window);
	return check_addr(run->ctx);
}

static bool check_context(struct visor_run *run, uint64_t off, uint32_t size, unsigned kind,
			  void **at, uint64_t *value)
{
	const struct prog_type *type = run->prog->verified->type;
	const struct ctx_field *f = NULL;
	uint8_t *field;

	if (off < type->ctx_size && !(kind & CHECK_ATOMIC))
		f = catalog_ctx_access(type, (uint32_t)off, size, kind & CHECK_WRITE);
	if (!f)
		return check_context_fail(run, off, size, kind);
	field = (uint8_t *)run->ctx + f->engine_off;
	if (f->yield == CTX_PKT || f->yield == CTX_PKT_META || f->yield == CTX_PKT_END) {
		*at = NULL;
		*value = get_u64(field);
	} else {
		*at = field + (off - f->off);
	}
	return true;
}

bool check_access(struct visor_run *run, uint64_t addr, uint32_t size, unsigned kind, void **at,
		  uint64_t *value)
{
	const struct prog_type *type = run->prog->verified->type;
	struct check_place place;
	char where[120];
	uint64_t off;

	*at = (void *)addr;
	if (type->n_fields) {
		off = addr - check_ctx(run, run->prog);
		if (off < (type->packet ? VM_CTX_WINDOW : type->ctx_size))
			return check_context(run, off, size, kind, at, value);
	}
	if (!check_find(run, addr, size, &place)) {
		check_describe(run, addr, where, sizeof(where));
		return check_fail(run, "%s of %u bytes at %s", check_verb(kind), size, where);
	}
	if (kind & CHECK_WRITE && !place.writable)
		return check_fail(run, "%s of %u bytes to read-only %s", check_verb(kind), size,
				  place.packet ? "packet bytes" : "memory");
	if (kind & CHECK_ATOMIC && place.packet)
		return check_fail(run, "atomic access to packet bytes");
	if (kind & CHECK_ATOMIC && addr % size) /* some processors refuse it with a signal */
		return check_fail(run, "atomic access of %u bytes is not aligned", size);
	return true;
}

/* ---- helper calls -------------------------------------------------------------------------------
 */

struct check_args {
	struct visor_run *run;
	const struct vm_call *call;
	uint64_t *r;	       /* r[1] to r[5] */
	const struct map *map; /* the ARG_MAP seen */
	int n;		       /* argument looked at, from 1 */
};

static bool check_arg_fail(struct check_args *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
static bool check_arg_fail(struct check_args *c, const char *fmt, ...)
{
	char text[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return check_fail(c->run, "%s, argument %d: %s", c->call->desc->name, c->n, text);
}

static bool check_arg_memory(struct check_args *c, uint64_t addr, uint64_t size, unsigned kind)
{
	struct check_place place;
	char where[120];

	if (!size)
		return true;
	if (!check_find(c->run, addr, size, &place)) {
		check_describe(c->run, addr, where, sizeof(where));
		return check_arg_fail(c, "%llu bytes at %s", (unsigned long long)size, where);
	}
	if (kind & CHECK_WRITE && !place.writable)
		return check_arg_fail(c, "the memory is read-only");
	if (place.packet && !(c->call->desc->flags & HELPER_PKT_DATA))
		return check_arg_fail(c, "packet bytes are not allowed here");
	return true;
}

/* Memory whose size is the next argument. */
static bool check_arg_sized(struct check_args *c, uint64_t addr, unsigned kind, bool or_null)
{
	uint64_t size = c->n < 5 ? c->r[c->n + 1] : 0;

	if (c->n < 5 && c->call->desc->args[c->n] == ARG_SIZE && !size)
		return check_arg_fail(c, "the size is 0");
	if (size > CHECK_MAX_SIZE)
		return check_arg_fail(c, "size %lld is out of range", (long long)size);
	if (!addr && or_null && !size)
		return true;
	return check_arg_memory(c, addr, size, kind);
}

static bool check_arg_map(struct check_args *c, uint64_t addr)
{
	const struct vm_prog *prog = c->run->prog;
	const struct helper *desc = c->call->desc;

	for (uint32_t i = 0; i < prog->n_maps && !c->map; i++)
		if (check_addr(prog->maps[i]) == addr)
			c->map = prog->maps[i];
	if (!c->map)
		return check_arg_fail(c, "not a map of this program");
	if (desc->maps != MAPS_NONE && !catalog_helper_takes_map(desc, c->map->desc.type))
		return check_arg_fail(c, "cannot be a map of type %s ('%s')",
				      catalog_map(c->map->desc.type)->name, c->map->desc.name);
	if (desc->maps == MAPS_UPDATE && c->map->desc.flags & BPF_F_RDONLY_PROG)
		return check_arg_fail(c, "map '%s' is read-only to programs", c->map->desc.name);
	return true;
}

/* Text that ends within a map value nobody can change, as in the kernel: the helper reads
 * it more than once. */
static bool check_arg_string(struct check_args *c, uint64_t addr)
{
	const struct vm_prog *prog = c->run->prog;

	for (uint32_t i = 0; i < prog->n_maps; i++) {
		const struct map *map = prog->maps[i];
		bool writable;

		if (!(map->kind->traits & MAP_DIRECT_VALUE) ||
		    !(map->desc.flags & BPF_F_RDONLY_PROG) || !map_is_frozen(map))
			continue;
		for (uint64_t at = addr; map_value_contains(map, (const void *)at, 1, &writable);
		     at++)
			if (!*(const char *)at)
				return true;
	}
	return check_arg_fail(c, "not a constant string");
}

static bool check_arg_record(struct check_args *c, uint64_t addr)
{
	for (uint32_t n = 0; n < c->run->n_regions; n++)
		if (c->run->regions[n].record && check_addr(c->run->regions[n].start) == addr)
			return true;
	return check_arg_fail(c, "not reserved memory");
}

static bool check_arg_func(struct check_args *c, uint64_t addr)
{
	const struct vm_prog *prog = c->run->prog;
	uint64_t off = addr - check_addr(prog->code), n = off / sizeof(struct vm_insn);

	if (n < prog->verified->n_insns && off % sizeof(struct vm_insn) == 0 &&
	    prog->verified->facts[n].flags & VERIFIED_SUBPROG)
		return true;
	return check_arg_fail(c, "not a function of this program");
}

/* A callback gets it as it is and no helper looks at it, so it need not point into a stack, only
 * be made of a pointer to one: with a constant and a variable distance, each of at most so much. */
static bool check_near_stack(const struct visor_run *run, uint64_t addr)
{
	return addr - (check_addr(run->frames) - 2 * CHECK_MAX_SIZE) <
	       4 * CHECK_MAX_SIZE + sizeof(run->frames);
}

static bool check_arg(struct check_args *c)
{
	uint32_t arg = c->call->desc->args[c->n - 1];
	unsigned access = arg & ARG_WRITE ? CHECK_WRITE : CHECK_READ;
	uint64_t v = c->r[c->n];

	switch (arg & ARG_KIND) {
	case ARG_NONE:
	case ARG_ANY:
	case ARG_ALLOC_SIZE:
	case ARG_SIZE: /* looked at with the memory */
	case ARG_SIZE0:
		return true;
	case ARG_MAP:
		return check_arg_map(c, v);
	case ARG_MAP_KEY:
		return !c->map || check_arg_memory(c, v, c->map->desc.key_size, access);
	case ARG_MAP_VALUE:
		return !c->map || check_arg_memory(c, v, c->map->desc.value_size, access);
	case ARG_CTX:
		if (v != check_ctx(c->run, c->run->prog))
			return check_arg_fail(c, "not the context");
		c->r[c->n] = check_addr(c->run->ctx);
		return true;
	case ARG_MEM:
		if (!(arg & ARG_FIXED))
			return check_arg_sized(c, v, access, arg & ARG_NULL);
		if (arg & ARG_ALIGNED && v % 8)
			return check_arg_fail(c, "not aligned to 8 bytes");
		return check_arg_memory(c, v, c->call->desc->size[c->n - 1], access);
	case ARG_CONST_STR:
		return check_arg_string(c, v);
	case ARG_ALLOC_MEM:
		return check_arg_record(c, v);
	case ARG_FUNC:
		return check_arg_func(c, v);
	case ARG_STACK:
		if ((!v && arg & ARG_NULL) || check_near_stack(c->run, v))
			return true;
		return check_arg_fail(c, "neither NULL nor stack");
	default:
		return check_arg_fail(c, "unknown kind of argument");
	}
}

bool check_call(struct visor_run *run, const struct vm_call *call, uint64_t *r)
{
	struct check_args c = {.run = run, .call = call, .r = r};

	for (c.n = 1; call->desc && c.n <= 5; c.n++)
		if (!check_arg(&c))
			return false;
	return true;
}

bool check_called(struct visor_run *run, const struct vm_call *call, const uint64_t *r, uint64_t r0)
{
	const struct helper *desc = call->desc;

	for (int a = 0; desc && a < 5; a++) {
		if ((desc->args[a] & ARG_KIND) == ARG_ALLOC_MEM) {
			for (uint32_t n = run->n_regions; n-- > 0;)
				if (run->regions[n].record &&
				    check_addr(run->regions[n].start) == r[a + 1])
					check_drop_region(run, n);
		}
		if (desc->args[a] == ARG_ALLOC_SIZE && r0) {
			if (vm_run_allow(run, (void *)r0, (uint32_t)r[a + 1], true,
					 "ring buffer record")) {
				ringbuf_discard(ringbuf_owner((void *)r0), (void *)r0, 0);
				return check_fail(run, "more than %d ring buffer records are held",
						  VM_MAX_REGIONS);
			}
			run->regions[run->n_regions - 1].record = true;
		}
	}
	return true;
}
