/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map/map.c - making and attaching maps, and the part of each operation that all types share.
 *
 * The invariant: a struct map exists only for a file whose constant header was checked as
 * if its values had come from a caller of map_new, and whose size is exactly what these
 * values ask for. So the types need to check only what changes.
 */
#include "map/map_impl.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

const struct map_ops *map_type_ops(uint32_t type)
{
	static const struct map_ops *const table[] = {
		[BPF_MAP_TYPE_HASH] = &hash_ops,
		[BPF_MAP_TYPE_ARRAY] = &array_ops,
		[BPF_MAP_TYPE_PROG_ARRAY] = &prog_array_ops,
		[BPF_MAP_TYPE_PERCPU_HASH] = &percpu_hash_ops,
		[BPF_MAP_TYPE_PERCPU_ARRAY] = &percpu_array_ops,
		[BPF_MAP_TYPE_LRU_HASH] = &hash_ops,
		[BPF_MAP_TYPE_LRU_PERCPU_HASH] = &percpu_hash_ops,
		[BPF_MAP_TYPE_LPM_TRIE] = &lpm_ops,
		[BPF_MAP_TYPE_DEVMAP] = &devmap_ops,
		[BPF_MAP_TYPE_RINGBUF] = &ring_ops,
	};

	return type < ARRAY_SIZE(table) ? table[type] : NULL;
}

/* "0-3,6": the highest number + 1. */
static uint32_t map_read_possible_cpus(void)
{
	FILE *f = fopen("/sys/devices/system/cpu/possible", "re");
	unsigned int a, b, max = 0;
	char sep;
	int n;

	if (f) {
		while ((n = fscanf(f, "%u%c", &a, &sep)) >= 1) {
			b = a;
			if (n == 2 && sep == '-' && fscanf(f, "%u%c", &b, &sep) < 1)
				break;
			max = MAX(max, MAX(a, b) + 1);
		}
		fclose(f);
	}
	if (!max)
		max = (unsigned int)MAX(sysconf(_SC_NPROCESSORS_CONF), 1);
	return MIN(max, MAP_MAX_CPUS);
}

uint32_t map_possible_cpus(void)
{
	static uint32_t cpus;
	uint32_t n = shared_load(&cpus);

	if (!n) {
		n = map_read_possible_cpus();
		shared_store(&cpus, n);
	}
	return n;
}

/* The kernel's rules: those for all types here, a type's own in its check. */
static int map_check(const struct map_attr *attr, const struct map_kind **kind,
		     const struct map_ops **ops, struct visor_diag *diag)
{
	const uint32_t exclusive[] = {BPF_F_RDONLY | BPF_F_WRONLY,
				      BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG};
	uint32_t i;
	int err;

	*ops = map_type_ops(attr->type);
	*kind = catalog_map(attr->type);
	if (!*ops || !*kind)
		return diag_fail(diag, -EINVAL, "create map", "map type %u is not supported",
				 attr->type);
	if (attr->map_extra)
		return diag_fail(diag, -EINVAL, "create map", "map_extra has no meaning for a %s",
				 (*kind)->name);
	if (attr->flags & ~(*kind)->allowed_flags)
		/* The one flag that the kernel refuses in its own way. */
		return diag_fail(diag,
				 (*kind)->traits & MAP_LRU &&
						 (attr->flags & ~(*kind)->allowed_flags) ==
							 BPF_F_NO_PREALLOC
					 ? -MAP_ENOTSUPP
					 : -EINVAL,
				 "create map", "flags 0x%x do not fit a %s",
				 attr->flags & ~(*kind)->allowed_flags, (*kind)->name);
	for (i = 0; i < ARRAY_SIZE(exclusive); i++)
		if ((attr->flags & exclusive[i]) == exclusive[i])
			return diag_fail(diag, -EINVAL, "create map",
					 "read-only and write-only exclude each other");
	err = (*ops)->check(attr);
	if (err)
		return diag_fail(diag, err, "create map",
				 "no %s has key size %u, value size %u, %u entries, flags 0x%x",
				 (*kind)->name, attr->key_size, attr->value_size, attr->max_entries,
				 attr->flags);
	return 0;
}

/* A handle for these attributes, without a file; *size is what the file must have. */
static int map_handle(const struct map_attr *attr, uint32_t id, struct map **out, uint64_t *size,
		      struct visor_diag *diag)
{
	const struct map_kind *kind;
	const struct map_ops *ops;
	struct map *map;
	uint64_t ram;
	int err = map_check(attr, &kind, &ops, diag);

	if (err)
		return err;
	map = aligned_alloc(64, ALIGN_UP(ops->handle_size, 64));
	if (!map)
		return diag_fail(diag, -ENOMEM, "create map", "no memory");
	memset(map, 0, ops->handle_size);
	map->ops = ops;
	map->kind = kind;
	map->lookup = ops->lookup;
	map->desc = (struct map_desc){
		.type = attr->type,
		.key_size = attr->key_size,
		.value_size = attr->value_size,
		.max_entries = attr->max_entries,
		/* These two belong to a descriptor, not to the map. */
		.flags = attr->flags & ~(uint32_t)(BPF_F_RDONLY | BPF_F_WRONLY),
		.id = id,
	};
	memcpy(map->desc.name, attr->name, sizeof(map->desc.name));
	map->desc.name[sizeof(map->desc.name) - 1] = '\0';
	map->map_extra = attr->map_extra;
	map->btf_id = attr->btf_id;
	map->btf_key_type_id = attr->btf_key_type_id;
	map->btf_value_type_id = attr->btf_value_type_id;
	map->n_cpus = map_possible_cpus();
	if (kind->traits & MAP_PROG_RDONLY) /* listings show it, as the kernel's do */
		map->desc.flags |= BPF_F_RDONLY_PROG;
	map->fd = -1;
	map->refs = 1;
	*size = ops->layout(map);
	if (!*size) {
		free(map);
		return diag_fail(diag, -ENOMEM, "create map", "too large");
	}
	*size = ALIGN_UP(*size, arena_page_size()) + arena_page_size();
	/* The file is sparse, but what its flags say is preallocated must have a chance to fit. */
	ram = (uint64_t)sysconf(_SC_PHYS_PAGES) * arena_page_size();
	if (!(attr->flags & BPF_F_NO_PREALLOC) && *size > ram) {
		free(map);
		return diag_fail(diag, -ENOMEM, "create map",
				 "%llu bytes are wanted and the machine has %llu",
				 (unsigned long long)*size, (unsigned long long)ram);
	}
	*out = map;
	return 0;
}

static int map_set_arena(struct map *map, struct arena *arena)
{
	map->mem = arena->mem;
	map->size = arena->size;
	map->fd = arena->fd;
	map->readonly = arena->readonly;
	map->head = (struct map_head *)(arena->mem + arena->size - arena_page_size());
	return map->ops->open ? map->ops->open(map) : 0;
}

int map_new(const struct map_attr *attr, uint32_t id, int fd, struct map **out,
	    struct visor_diag *diag)
{
	struct arena arena = {0};
	struct map_head *head;
	struct map *map;
	uint64_t size;
	int err = map_handle(attr, id, &map, &size, diag);

	if (err) {
		close(fd);
		return err;
	}
	err = arena_new(&arena, fd, size, diag);
	if (err)
		goto out;
	head = (struct map_head *)(arena.mem + arena.size - arena_page_size());
	head->version = MAP_VERSION;
	head->n_cpus = map->n_cpus;
	head->desc = map->desc;
	/* As they were given: the checks will be made on them again. */
	head->desc.flags = attr->flags & ~(uint32_t)(BPF_F_RDONLY | BPF_F_WRONLY);
	head->map_extra = map->map_extra;
	head->btf_id = map->btf_id;
	head->btf_key_type_id = map->btf_key_type_id;
	head->btf_value_type_id = map->btf_value_type_id;
	if (!(attr->flags & BPF_F_ZERO_SEED) &&
	    getrandom(&head->seed, sizeof(head->seed), 0) != sizeof(head->seed)) {
		err = diag_fail(diag, -errno, "create map", "no random numbers");
		goto out;
	}
	err = map_set_arena(map, &arena);
	if (err) {
		diag_fail(diag, err, "create map", "cannot set up the %s", map->kind->name);
		goto out;
	}
	shared_publish(&head->magic, MAP_MAGIC);
	*out = map;
	return 0;
out:
	arena_close(&arena);
	free(map);
	return err;
}

int map_attach(int fd, struct map **out, struct visor_diag *diag)
{
	const struct map_head *head;
	struct map_attr attr = {0};
	struct arena arena;
	struct map *map = NULL;
	struct map_desc desc;
	uint64_t size;
	int err = arena_attach(&arena, fd, diag);

	if (err)
		return err;
	_Static_assert(sizeof(struct map_head) <= 4096, "the header fits the smallest page");
	head = (const struct map_head *)(arena.mem + arena.size - arena_page_size());
	if (shared_load_acquire(&head->magic) != MAP_MAGIC) {
		err = diag_fail(diag, -EINVAL, "attach", "the file is not a map");
		goto out;
	}
	if (head->version != MAP_VERSION || head->n_cpus != map_possible_cpus()) {
		err = diag_fail(diag, -EINVAL, "attach",
				"the map is of version %u for %u CPUs, expected %u for %u",
				head->version, head->n_cpus, MAP_VERSION, map_possible_cpus());
		goto out;
	}
	/* The file may change under our eyes: check a copy, and use only that. */
	memcpy(&desc, &head->desc, sizeof(desc));
	attr.type = desc.type;
	attr.key_size = desc.key_size;
	attr.value_size = desc.value_size;
	attr.max_entries = desc.max_entries;
	attr.flags = desc.flags;
	memcpy(attr.name, desc.name, sizeof(attr.name));
	attr.map_extra = head->map_extra;
	attr.btf_id = head->btf_id;
	attr.btf_key_type_id = head->btf_key_type_id;
	attr.btf_value_type_id = head->btf_value_type_id;
	err = map_handle(&attr, desc.id, &map, &size, diag);
	if (err)
		goto out;
	if (size != arena.size) {
		err = diag_fail(diag, -EINVAL, "attach", "the file has %zu bytes instead of %llu",
				arena.size, (unsigned long long)size);
		goto out;
	}
	err = map_set_arena(map, &arena);
	if (err) {
		diag_fail(diag, err, "attach", "cannot set up the %s", catalog_map_name(attr.type));
		goto out;
	}
	*out = map;
	return 0;
out:
	free(map);
	arena_close(&arena);
	return err;
}

struct map *map_ref(struct map *map)
{
	__atomic_add_fetch(&map->refs, 1, __ATOMIC_RELAXED);
	return map;
}

void map_unref(struct map *map)
{
	struct arena arena;

	if (!map || __atomic_sub_fetch(&map->refs, 1, __ATOMIC_ACQ_REL))
		return;
	if (map->local_free)
		map->local_free(map);
	if (map->ops->close)
		map->ops->close(map);
	arena = (struct arena){.mem = map->mem, .size = map->size, .fd = map->fd};
	arena_close(&arena);
	free(map);
}

/* ---- the side of programs -------------------------------------------------------------- */

long map_update(struct map *map, const void *key, const void *value, uint64_t flags, uint32_t cpu)
{
	/* No value of this layer has a spin lock in it. */
	if (UNLIKELY(flags & BPF_F_LOCK))
		return -EINVAL;
	if (UNLIKELY(map->readonly || !map->ops->update))
		return map->readonly ? -EPERM : -MAP_ENOTSUPP;
	return map->ops->update(map, key, value, flags, cpu);
}

long map_delete(struct map *map, const void *key)
{
	if (UNLIKELY(map->readonly || !map->ops->delete))
		return map->readonly ? -EPERM : -MAP_ENOTSUPP;
	return map->ops->delete (map, key);
}

/* ---- the side of the system call ------------------------------------------------------- */

size_t map_user_value_size(const struct map *map)
{
	if (map->kind->traits & MAP_PER_CPU)
		return (size_t)ALIGN_UP(map->desc.value_size, 8) * map->n_cpus;
	return map->desc.value_size;
}

int map_user_lookup(struct map *map, const void *key, void *value, uint64_t flags)
{
	if (flags)
		return -EINVAL;
	if (!map->ops->user_lookup)
		return -MAP_ENOTSUPP;
	return map->ops->user_lookup(map, key, value);
}

int map_user_update(struct map *map, const void *key, const void *value, uint64_t flags)
{
	if (map->readonly || map_is_frozen(map))
		return -EPERM;
	if (flags & BPF_F_LOCK)
		return -EINVAL;
	if (map->ops->user_update)
		return map->ops->user_update(map, key, value, flags);
	if (!map->ops->update)
		return -MAP_ENOTSUPP;
	return (int)map->ops->update(map, key, value, flags, 0);
}

int map_user_delete(struct map *map, const void *key)
{
	if (map->readonly || map_is_frozen(map))
		return -EPERM;
	if (!map->ops->delete)
		return -MAP_ENOTSUPP;
	return (int)map->ops->delete (map, key);
}

int map_user_lookup_and_delete(struct map *map, const void *key, void *value, uint64_t flags)
{
	if (flags & ~(uint64_t)BPF_F_LOCK)
		return -EINVAL;
	if (map->readonly || map_is_frozen(map))
		return -EPERM;
	if (flags)
		return -EINVAL;
	if (!map->ops->user_take)
		return -MAP_ENOTSUPP;
	return map->ops->user_take(map, key, value);
}

int map_user_next_key(struct map *map, const void *key, void *next)
{
	uint8_t small[256], *copy = NULL;
	int err;

	if (!map->ops->next_key)
		return -MAP_ENOTSUPP;
	if (key != next)
		return map->ops->next_key(map, key, next);
	/* A loop that steps on in one buffer: the types may need the old key to the end. */
	copy = map->desc.key_size <= sizeof(small) ? small : malloc(map->desc.key_size);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, key, map->desc.key_size);
	err = map->ops->next_key(map, copy, next);
	if (copy != small)
		free(copy);
	return err;
}

int map_freeze(struct map *map)
{
	uint32_t thawed = 0;

	if (map->readonly)
		return -EPERM;
	/* A frozen map cannot be written, and freezing needs the right to write. */
	if (!__atomic_compare_exchange_n(&map->head->frozen, &thawed, 1, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_ACQUIRE))
		return -EPERM;
	return 0;
}

int map_snapshot(struct map *map)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	size_t page = arena_page_size(), size = map->size - page;
	volatile uint8_t *at;
	int err = 0;

	pthread_mutex_lock(&lock);
	if (!map->snapshot && size) {
		/* In place, so that every address stays as good as it was. */
		if (mmap(map->mem, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, map->fd,
			 0) == MAP_FAILED) {
			err = -ENOMEM;
		} else {
			for (at = map->mem; at < map->mem + size; at += page)
				*at = *at;
			map->snapshot = true;
		}
	}
	pthread_mutex_unlock(&lock);
	return err;
}

bool map_is_frozen(const struct map *map)
{
	return shared_load_acquire(&map->head->frozen) != 0;
}

uint64_t map_memlock(const struct map *map)
{
	struct arena arena = {.mem = map->mem, .size = map->size, .fd = map->fd};

	return arena_in_use(&arena);
}

/* ---- direct values --------------------------------------------------------------------- */

void *map_direct_value(struct map *map, uint32_t off)
{
	return map->ops->direct ? map->ops->direct(map, off) : NULL;
}

bool map_value_contains(const struct map *map, const void *addr, size_t len, bool *writable)
{
	uint64_t off = (uintptr_t)addr - (uintptr_t)map->mem;

	if (off >= map->size || len > map->size - off || !map->ops->contains ||
	    !map->ops->contains(map, off, len))
		return false;
	*writable = !map->readonly && !(map->desc.flags & BPF_F_RDONLY_PROG);
	return true;
}
