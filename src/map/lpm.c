/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map/lpm.c - longest prefix match: a binary trie without chains of single children.
 *
 *                    0.0.0.0/0
 *                  0 /       \ 1            a node's children differ in the bit after its
 *          10.0.0.0/8     (192.168.0.0/16)  prefix; (in parentheses): a fork that is no
 *                          0 /      \ 1     entry, it always has both children
 *              192.168.1.0/24   192.168.128.0/17
 *
 * Prefix lengths grow strictly on the way down, which bounds every walk, also in a file full
 * of garbage. All changes are made under one lock and published by one store to one link;
 * keys, values and prefix lengths of a linked node never change. Readers take no lock: an
 * unlinked node can be used again only after `seq` was incremented, so who finds seq
 * unchanged at the end has seen a true trie (as with hash maps, see hash.h).
 *
 * If the owner of the lock died, the links are right and the books may be wrong: count and
 * free list are made again from the links.
 */
#include "map/map_impl.h"

#include <stdlib.h>

#define LPM_DATA_MAX  256 /* bytes of a prefix */
#define LPM_RETRIES   64
#define LPM_MAX_DEPTH (LPM_DATA_MAX * 8 + 2)
#define LPM_NONE      UINT32_MAX

struct lpm_node {
	uint32_t child[2]; /* index + 1; 0: none. child[0] links the free list, too */
	uint32_t prefixlen;
	uint32_t fork;	 /* not an entry */
	uint64_t data[]; /* the prefix in network order, padded with zeros; then the value */
};

struct lpm {
	struct map map;
	uint8_t *nodes;
	uint32_t n_nodes, node_size;
	uint32_t max_prefixlen, data_size, value_off;
};

static int lpm_check(const struct map_attr *attr)
{
	const uint32_t kernel_node = 24; /* its size in the kernel, 64 bit */

	if (!attr->max_entries || !(attr->flags & BPF_F_NO_PREALLOC) || attr->key_size < 4 + 1 ||
	    attr->key_size > 4 + LPM_DATA_MAX || !attr->value_size ||
	    attr->value_size > MAP_KMALLOC_MAX - LPM_DATA_MAX - kernel_node)
		return -EINVAL;
	return 0;
}

static uint64_t lpm_layout(struct map *map)
{
	struct lpm *t = (struct lpm *)map;
	/* One entry needs a node and at most one fork; a change needs one or two aside. */
	uint64_t n = 2 * (uint64_t)map->desc.max_entries + 2;

	if (n >= UINT32_MAX)
		return 0;
	t->n_nodes = (uint32_t)n;
	t->data_size = map->desc.key_size - 4;
	t->max_prefixlen = t->data_size * 8;
	t->value_off = (uint32_t)sizeof(struct lpm_node) + ALIGN_UP(t->data_size, 8);
	t->node_size = t->value_off + ALIGN_UP(map->desc.value_size, 8);
	map->value_stride = t->node_size;
	return n * t->node_size;
}

static int lpm_open(struct map *map)
{
	((struct lpm *)map)->nodes = map->mem;
	return 0;
}

static struct lpm_node *lpm_node(const struct lpm *t, uint32_t index)
{
	return (struct lpm_node *)(t->nodes + (uint64_t)index * t->node_size);
}

static void *lpm_value(const struct lpm *t, uint32_t index)
{
	return t->nodes + (uint64_t)index * t->node_size + t->value_off;
}

/* Follows a link from a node (or the root: after = -1) to one with a longer prefix. */
static uint32_t lpm_follow(const struct lpm *t, const uint32_t *link, int64_t after)
{
	uint32_t index = shared_load_acquire(link) - 1, len;

	if (index >= t->n_nodes)
		return LPM_NONE;
	len = shared_load_acquire(&lpm_node(t, index)->prefixlen);
	return len > after && len <= t->max_prefixlen ? index : LPM_NONE;
}

static uint64_t lpm_big_endian(uint64_t w)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return __builtin_bswap64(w);
#else
	return w;
#endif
}

static int lpm_bit(const uint8_t *data, uint32_t bit)
{
	return data[bit / 8] >> (7 - bit % 8) & 1;
}

/* Leading bits that node and data have in common, at most len and the node's prefix. */
static inline uint32_t lpm_match(const struct lpm *t, const struct lpm_node *node,
				 uint32_t node_len, const uint8_t *data, uint32_t len)
{
	uint32_t limit = MIN(node_len, len), at, left;
	uint64_t diff;

	for (at = 0; at < limit; at += 64) {
		left = t->data_size - at / 8;
		diff = shared_load_acquire(&node->data[at / 64]) ^
		       (left >= 8 ? get_u64(data + at / 8) : get_tail(data + at / 8, left));
		if (diff)
			return MIN(limit, at + (uint32_t)__builtin_clzll(lpm_big_endian(diff)));
	}
	return limit;
}

/* ---- look-up ---------------------------------------------------------------------------- */

static uint32_t lpm_find(const struct lpm *t, const uint8_t *data, uint32_t len)
{
	uint32_t at = lpm_follow(t, &t->map.head->trie.root, -1), best = LPM_NONE, node_len;
	const struct lpm_node *node;

	while (at != LPM_NONE) {
		node = lpm_node(t, at);
		node_len = shared_load_acquire(&node->prefixlen);
		if (node_len > t->max_prefixlen ||
		    lpm_match(t, node, node_len, data, len) < node_len)
			break;
		if (!shared_load_acquire(&node->fork))
			best = at;
		if (node_len == t->max_prefixlen)
			break;
		at = lpm_follow(t, &node->child[lpm_bit(data, node_len)], node_len);
	}
	return best;
}

static int lpm_lock(struct lpm *t);

/* Finds and, with value, copies; consistent even if everything changes meanwhile. */
static uint32_t lpm_read(struct map *map, const void *key, void *value)
{
	struct lpm *t = (struct lpm *)map;
	struct map_trie_state *state = &map->head->trie;
	uint32_t len = get_u32(key), retry, seq, found;
	const uint8_t *data = (const uint8_t *)key + 4;

	if (len > t->max_prefixlen)
		return LPM_NONE;
	for (retry = 0; retry < LPM_RETRIES; retry++) {
		seq = shared_load_acquire(&state->seq);
		found = lpm_find(t, data, len);
		if (found != LPM_NONE && value)
			shared_get(value, lpm_value(t, found), map->desc.value_size);
		if (LIKELY(shared_load(&state->seq) == seq))
			return found;
	}
	if (map->readonly || lpm_lock(t))
		return LPM_NONE;
	found = lpm_find(t, data, len);
	if (found != LPM_NONE && value)
		shared_get(value, lpm_value(t, found), map->desc.value_size);
	lock_release(&state->lock);
	return found;
}

static void *lpm_lookup(struct map *map, const void *key, uint32_t cpu)
{
	uint32_t found = lpm_read(map, key, NULL);

	return found == LPM_NONE ? NULL : lpm_value((struct lpm *)map, found);
}

static int lpm_user_lookup(struct map *map, const void *key, void *value)
{
	return lpm_read(map, key, value) == LPM_NONE ? -ENOENT : 0;
}

/* ---- nodes and repair, all under the lock ----------------------------------------------- */

static uint32_t lpm_alloc(struct lpm *t)
{
	struct map_trie_state *state = &t->map.head->trie;
	uint32_t index = shared_load(&state->free) - 1;

	if (index < t->n_nodes) {
		shared_store(&state->free, shared_load(&lpm_node(t, index)->child[0]));
		return index;
	}
	index = shared_load(&state->fresh);
	if (index >= t->n_nodes)
		return LPM_NONE;
	shared_store(&state->fresh, index + 1);
	return index;
}

static void lpm_push(struct lpm *t, uint32_t index)
{
	struct map_trie_state *state = &t->map.head->trie;

	shared_publish(&lpm_node(t, index)->child[0], shared_load(&state->free));
	shared_store(&state->free, index + 1);
}

/* For a node that was unlinked just now. */
static void lpm_retire(struct lpm *t, uint32_t index)
{
	uint32_t *seq = &t->map.head->trie.seq;

	shared_publish(seq, shared_load(seq) + 1);
	lpm_push(t, index);
}

/* Marks what can be reached from the root, cuts off what cannot be, counts entries. */
static uint32_t lpm_mark(struct lpm *t, uint8_t *used)
{
	struct {
		uint32_t index, next; /* next child to look at */
	} stack[LPM_MAX_DEPTH];
	uint32_t depth = 0, count = 0, index, *link = &t->map.head->trie.root;
	int64_t after = -1;

	for (;;) {
		index = lpm_follow(t, link, after);
		if (index != LPM_NONE && depth < LPM_MAX_DEPTH &&
		    !(used[index / 8] & 1 << index % 8)) {
			used[index / 8] |= (uint8_t)(1 << index % 8);
			count += !shared_load(&lpm_node(t, index)->fork);
			stack[depth].index = index;
			stack[depth++].next = 0;
		} else {
			shared_publish(link, 0);
		}
		while (depth && stack[depth - 1].next == 2)
			depth--;
		if (!depth)
			return count;
		index = stack[depth - 1].index;
		link = &lpm_node(t, index)->child[stack[depth - 1].next++];
		after = shared_load(&lpm_node(t, index)->prefixlen);
	}
}

/* The owner of the lock died: count and free list from the links. */
static int lpm_audit(struct lpm *t)
{
	struct map_trie_state *state = &t->map.head->trie;
	uint32_t i, fresh = MIN(shared_load(&state->fresh), t->n_nodes);
	uint8_t *used = calloc(1, t->n_nodes / 8 + 1);

	if (!used)
		return -ENOMEM;
	shared_store(&state->count, lpm_mark(t, used));
	shared_publish(&state->seq, shared_load(&state->seq) + 1);
	shared_store(&state->free, 0);
	for (i = 0; i < fresh; i++)
		if (!(used[i / 8] & 1 << i % 8))
			lpm_push(t, i);
	shared_store(&state->dirty, 0);
	free(used);
	return 0;
}

static int lpm_lock(struct lpm *t)
{
	struct map_trie_state *state = &t->map.head->trie;
	int err = lock_acquire(&state->lock);

	if (err < 0)
		return err;
	if (err == LOCK_INHERITED)
		shared_store(&state->dirty, 1);
	if (LIKELY(!shared_load(&state->dirty)))
		return 0;
	err = lpm_audit(t);
	if (err)
		lock_release(&state->lock);
	return err;
}

/* ---- changes ---------------------------------------------------------------------------- */

/* Where a prefix is, or belongs. */
struct lpm_spot {
	uint32_t *link, *parent_link; /* to the node, to its parent (NULL: it has none) */
	uint32_t index, parent;
	uint32_t match; /* bits that the node at link and the key have in common */
};

static struct lpm_spot lpm_locate(struct lpm *t, const uint8_t *data, uint32_t len)
{
	struct lpm_spot s = {.link = &t->map.head->trie.root, .parent = LPM_NONE};
	struct lpm_node *node;
	uint32_t node_len;

	s.index = lpm_follow(t, s.link, -1);
	while (s.index != LPM_NONE) {
		node = lpm_node(t, s.index);
		node_len = shared_load(&node->prefixlen);
		s.match = lpm_match(t, node, node_len, data, len);
		if (s.match < node_len || node_len == len)
			break;
		s.parent = s.index;
		s.parent_link = s.link;
		s.link = &node->child[lpm_bit(data, node_len)];
		s.index = lpm_follow(t, s.link, node_len);
	}
	return s;
}

static bool lpm_found(const struct lpm *t, const struct lpm_spot *s, uint32_t len)
{
	return s->index != LPM_NONE && s->match == len &&
	       shared_load(&lpm_node(t, s->index)->prefixlen) == len;
}

static uint32_t lpm_make(struct lpm *t, const void *key, const void *value)
{
	uint32_t index = lpm_alloc(t);
	struct lpm_node *node;

	if (index == LPM_NONE)
		return index;
	node = lpm_node(t, index);
	shared_publish(&node->child[0], 0);
	shared_publish(&node->child[1], 0);
	shared_publish(&node->prefixlen, get_u32(key));
	shared_publish(&node->fork, 0);
	shared_put(node->data, (const uint8_t *)key + 4, t->data_size);
	shared_put(lpm_value(t, index), value, t->map.desc.value_size);
	return index;
}

/* Puts the new node `index` where the old one at `s` is, as its replacement, its parent, or
 * its sibling under a fork. */
static int lpm_insert(struct lpm *t, const struct lpm_spot *s, uint32_t index, const void *key)
{
	const uint8_t *data = (const uint8_t *)key + 4;
	struct lpm_node *node = lpm_node(t, index), *old, *fork;
	uint8_t old_data[LPM_DATA_MAX + 8] = {0};
	uint32_t len = get_u32(key), forked;

	if (s->index == LPM_NONE) {
		shared_publish(s->link, index + 1);
		return 0;
	}
	old = lpm_node(t, s->index);
	if (s->match == len && shared_load(&old->prefixlen) == len) {
		shared_publish(&node->child[0], shared_load(&old->child[0]));
		shared_publish(&node->child[1], shared_load(&old->child[1]));
		shared_publish(s->link, index + 1);
		lpm_retire(t, s->index);
		return 0;
	}
	shared_get(old_data, old->data, t->data_size);
	if (s->match == len) {
		shared_publish(&node->child[lpm_bit(old_data, len)], s->index + 1);
		shared_publish(s->link, index + 1);
		return 0;
	}
	forked = lpm_alloc(t);
	if (forked == LPM_NONE)
		return -ENOMEM;
	fork = lpm_node(t, forked);
	shared_publish(&fork->prefixlen, s->match);
	shared_publish(&fork->fork, 1);
	shared_put(fork->data, old_data, t->data_size);
	shared_publish(&fork->child[lpm_bit(data, s->match)], index + 1);
	shared_publish(&fork->child[!lpm_bit(data, s->match)], s->index + 1);
	shared_publish(s->link, forked + 1);
	return 0;
}

static long lpm_update(struct map *map, const void *key, const void *value, uint64_t flags,
		       uint32_t cpu)
{
	struct lpm *t = (struct lpm *)map;
	struct map_trie_state *state = &map->head->trie;
	uint32_t len = get_u32(key), index;
	struct lpm_spot s;
	bool there;
	int err;

	if (map_check_flags(flags) || len > t->max_prefixlen)
		return -EINVAL;
	err = lpm_lock(t);
	if (err)
		return err;
	s = lpm_locate(t, (const uint8_t *)key + 4, len);
	there = lpm_found(t, &s, len) && !shared_load(&lpm_node(t, s.index)->fork);
	if (there && flags == BPF_NOEXIST) {
		err = -EEXIST;
	} else if (!there && flags == BPF_EXIST) {
		err = -ENOENT;
	} else if (!there && shared_load(&state->count) >= map->desc.max_entries) {
		err = -ENOSPC;
	} else {
		index = lpm_make(t, key, value);
		err = index == LPM_NONE ? -ENOMEM : lpm_insert(t, &s, index, key);
		if (err && index != LPM_NONE)
			lpm_push(t, index);
		if (!err && !there)
			shared_store(&state->count, shared_load(&state->count) + 1);
	}
	lock_release(&state->lock);
	return err;
}

/* Takes the entry at `s` out: it becomes a fork, or its only child moves up; a fork that
 * loses a child goes with it. */
static void lpm_remove(struct lpm *t, const struct lpm_spot *s)
{
	struct lpm_node *node = lpm_node(t, s->index), *parent;
	uint32_t a = shared_load(&node->child[0]), b = shared_load(&node->child[1]);

	if (a && b) {
		shared_publish(&node->fork, 1);
		return;
	}
	parent = s->parent == LPM_NONE ? NULL : lpm_node(t, s->parent);
	if (!a && !b && parent && shared_load(&parent->fork)) {
		shared_publish(s->parent_link,
			       shared_load(&parent->child[s->link == &parent->child[0]]));
		lpm_retire(t, s->parent);
		lpm_push(t, s->index);
		return;
	}
	shared_publish(s->link, a ? a : b);
	lpm_retire(t, s->index);
}

static long lpm_delete(struct map *map, const void *key)
{
	struct lpm *t = (struct lpm *)map;
	struct map_trie_state *state = &map->head->trie;
	uint32_t len = get_u32(key);
	struct lpm_spot s;
	int err;

	if (len > t->max_prefixlen)
		return -EINVAL;
	err = lpm_lock(t);
	if (err)
		return err;
	s = lpm_locate(t, (const uint8_t *)key + 4, len);
	if (lpm_found(t, &s, len) && !shared_load(&lpm_node(t, s.index)->fork)) {
		lpm_remove(t, &s);
		shared_store(&state->count, shared_load(&state->count) - 1);
	} else {
		err = -ENOENT;
	}
	lock_release(&state->lock);
	return err;
}

/* ---- iteration: children before their parent, 0 before 1, as the kernel ------------------- */

/* The first entry of a subtree in that order: a node without children. */
static uint32_t lpm_first(const struct lpm *t, uint32_t index)
{
	uint32_t down;
	int64_t len;

	while (index != LPM_NONE) {
		len = shared_load_acquire(&lpm_node(t, index)->prefixlen);
		down = lpm_follow(t, &lpm_node(t, index)->child[0], len);
		if (down == LPM_NONE)
			down = lpm_follow(t, &lpm_node(t, index)->child[1], len);
		if (down == LPM_NONE)
			break;
		index = down;
	}
	return index;
}

/* The entry after `key`; the first one if key is not an entry. */
static uint32_t lpm_after(const struct lpm *t, const void *key)
{
	uint32_t path[LPM_MAX_DEPTH], depth = 0, len = key ? get_u32(key) : UINT32_MAX,
				      node_len = 0;
	uint32_t root = lpm_follow(t, &t->map.head->trie.root, -1), at = root, other;
	const uint8_t *data = (const uint8_t *)key + 4;
	const struct lpm_node *node;

	if (len > t->max_prefixlen)
		return lpm_first(t, root);
	while (at != LPM_NONE) {
		node = lpm_node(t, at);
		node_len = shared_load_acquire(&node->prefixlen);
		path[depth++] = at;
		if (node_len >= len || lpm_match(t, node, node_len, data, len) < node_len)
			break;
		at = lpm_follow(t, &node->child[lpm_bit(data, node_len)], node_len);
		if (depth == LPM_MAX_DEPTH)
			return LPM_NONE;
	}
	if (at == LPM_NONE || node_len != len || shared_load_acquire(&node->fork) ||
	    lpm_match(t, node, len, data, len) < len)
		return lpm_first(t, root);
	while (--depth) {
		node = lpm_node(t, path[depth - 1]);
		other = lpm_follow(t, &node->child[1], shared_load_acquire(&node->prefixlen));
		if (other != LPM_NONE && other != path[depth])
			return lpm_first(t, other);
		if (!shared_load_acquire(&node->fork))
			return path[depth - 1];
	}
	return LPM_NONE;
}

static int lpm_next_key(struct map *map, const void *key, void *next)
{
	struct lpm *t = (struct lpm *)map;
	struct map_trie_state *state = &map->head->trie;
	uint32_t retry, seq, found;

	for (retry = 0; retry < LPM_RETRIES; retry++) {
		seq = shared_load_acquire(&state->seq);
		found = lpm_after(t, key);
		if (found != LPM_NONE) {
			put_u32(next, shared_load_acquire(&lpm_node(t, found)->prefixlen));
			shared_get((uint8_t *)next + 4, lpm_node(t, found)->data, t->data_size);
		}
		if (shared_load(&state->seq) == seq)
			return found == LPM_NONE ? -ENOENT : 0;
	}
	return -EBUSY;
}

static bool lpm_contains(const struct map *map, uint64_t off, uint64_t len)
{
	const struct lpm *t = (const struct lpm *)map;

	if (off < t->value_off)
		return false;
	off -= t->value_off;
	return off / t->node_size < t->n_nodes && off % t->node_size + len <= map->desc.value_size;
}

const struct map_ops lpm_ops = {
	.handle_size = sizeof(struct lpm),
	.check = lpm_check,
	.layout = lpm_layout,
	.open = lpm_open,
	.lookup = lpm_lookup,
	.update = lpm_update,
	.delete = lpm_delete,
	.user_lookup = lpm_user_lookup,
	.next_key = lpm_next_key,
	.contains = lpm_contains,
};
