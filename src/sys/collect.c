/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sys/collect.c - the end of objects: what is not held, and not referred to (directly or not)
 * by something that is held, goes.
 *
 * The invariant: an object that could not be looked at may refer to anything, so then nothing
 * is destroyed. Objects are looked at one after the other and not kept open; what is kept is
 * a graph of ids, and by which way each was reached, so that listing objects need not collect
 * for each of them: the steps of the known way are checked again, and that suffices.
 */
#include "sys/store.h"

#include <errno.h>
#include <stdlib.h>

#define HEAP_NONE UINT32_MAX

struct heap_ref {
	enum obj_kind kind;
	uint32_t id;
};

struct heap_node {
	struct heap_ref self;
	uint32_t via;		    /* the node that refers to it; itself if held; HEAP_NONE */
	uint32_t first_ref, n_refs; /* in heap->refs */
};

struct store_heap {
	struct visor *v;
	struct heap_node *nodes; /* sorted once all are there */
	struct heap_ref *refs;
	uint32_t n, cap, n_refs, cap_refs;
	int err;
};

void store_heap_free(struct store_heap *heap)
{
	if (!heap)
		return;
	free(heap->nodes);
	free(heap->refs);
	free(heap);
}

/* Room for one more; the array may move. */
static int heap_room(void **array, uint32_t n, uint32_t *cap, size_t size)
{
	uint32_t more = *cap ? 2 * *cap : 64;
	void *p;

	if (n < *cap)
		return 0;
	p = reallocarray(*array, more, size);
	if (!p)
		return -ENOMEM;
	*array = p;
	*cap = more;
	return 0;
}

static void heap_ref(void *user, enum obj_kind kind, uint32_t id)
{
	struct store_heap *heap = user;

	if (!heap->err)
		heap->err = heap_room((void **)&heap->refs, heap->n_refs, &heap->cap_refs,
				      sizeof(*heap->refs));
	if (!heap->err)
		heap->refs[heap->n_refs++] = (struct heap_ref){kind, id};
}

static int heap_add(void *user, struct obj *obj)
{
	struct store_heap *heap = user;
	struct heap_node node = {.self = {obj->kind, obj->id}, .first_ref = heap->n_refs};

	node.via = store_held(heap->v, obj) ? 0 : HEAP_NONE;
	obj_refs(obj, heap_ref, heap);
	node.n_refs = heap->n_refs - node.first_ref;
	if (!heap->err)
		heap->err =
			heap_room((void **)&heap->nodes, heap->n, &heap->cap, sizeof(*heap->nodes));
	if (!heap->err)
		heap->nodes[heap->n++] = node;
	return heap->err;
}

static int heap_order(const void *a, const void *b)
{
	const struct heap_ref *x = a, *y = b;

	return x->kind != y->kind ? (x->kind < y->kind ? -1 : 1)
				  : (x->id > y->id) - (x->id < y->id);
}

static struct heap_node *heap_find(const struct store_heap *heap, enum obj_kind kind, uint32_t id)
{
	const struct heap_ref key = {kind, id};

	_Static_assert(offsetof(struct heap_node, self) == 0, "a node begins with its key");
	return heap->n ? bsearch(&key, heap->nodes, heap->n, sizeof(*heap->nodes), heap_order)
		       : NULL;
}

/* From the held ones along all references, breadth first: each is reached by a shortest way. */
static int heap_mark(struct store_heap *heap)
{
	uint32_t *queue = malloc((heap->n + 1) * sizeof(*queue)), head = 0, tail = 0;

	if (!queue)
		return -ENOMEM;
	for (uint32_t i = 0; i < heap->n; i++)
		if (heap->nodes[i].via != HEAP_NONE) {
			heap->nodes[i].via = i;
			queue[tail++] = i;
		}
	while (head < tail) {
		const struct heap_node *from = &heap->nodes[queue[head++]];

		for (uint32_t i = 0; i < from->n_refs; i++) {
			const struct heap_ref *ref = &heap->refs[from->first_ref + i];
			struct heap_node *to = heap_find(heap, ref->kind, ref->id);

			if (to && to->via == HEAP_NONE) {
				to->via = (uint32_t)(from - heap->nodes);
				queue[tail++] = (uint32_t)(to - heap->nodes);
			}
		}
	}
	free(queue);
	return 0;
}

void store_collect(struct visor *v)
{
	struct store_heap *heap = calloc(1, sizeof(*heap));
	uint32_t live = 0;

	store_heap_free(v->heap);
	v->heap = heap;
	v->n_made = 0;
	v->collect_at = 16;
	if (!heap)
		return;
	heap->v = v;
	if (v->path)
		store_forget(v);
	heap->err = store_each(v, heap_add, heap);
	if (heap->n)
		qsort(heap->nodes, heap->n, sizeof(*heap->nodes), heap_order);
	if (!heap->err)
		heap->err = heap_mark(heap);
	if (heap->err) {
		v->collect_at += heap->n;
		heap->n = 0;
		return;
	}
	for (uint32_t i = 0; i < heap->n; i++) {
		if (heap->nodes[i].via != HEAP_NONE)
			live++;
		else
			store_drop(v, heap->nodes[i].self.kind, heap->nodes[i].self.id);
	}
	v->collect_at += live;
	/* The ways stay; what the references were is asked again. */
	free(heap->refs);
	heap->refs = NULL;
}

struct heap_step {
	struct heap_ref to;
	bool found;
};

static void heap_step(void *user, enum obj_kind kind, uint32_t id)
{
	struct heap_step *step = user;

	step->found |= kind == step->to.kind && id == step->to.id;
}

bool store_reached(struct visor *v, const struct obj *obj)
{
	const struct store_heap *heap = v->heap;
	const struct heap_node *node = heap ? heap_find(heap, obj->kind, obj->id) : NULL;

	while (node && node->via != HEAP_NONE && &heap->nodes[node->via] != node) {
		struct heap_step step = {.to = node->self};
		struct obj *from;
		bool held;
		int err;

		node = &heap->nodes[node->via];
		from = store_peek(v, node->self.kind, node->self.id, &err);
		if (!from)
			return false;
		obj_refs(from, heap_step, &step);
		held = store_held(v, from);
		store_put(from);
		if (!step.found)
			return false;
		if (held)
			return true;
	}
	return false;
}
