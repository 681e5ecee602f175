/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/graph.c - objects of the program's own (bpf_obj_new), and the lists and trees of them.
 *
 * An object has one owner at a time. Inserting it makes the graph its owner and leaves the
 * program references that do not own: good for reading until the lock of the graph is released,
 * then none of them exists any more. Which lock protects a graph is told by identity: a lock in
 * the same map value or object as the list head or tree root.
 */
#include "verify/kfunc.h"

#define PERCPU_OBJECT_MAX 512

static bool graph_is_non_owning(const struct reg *r)
{
	return r->type == R_BTF_ID && (r->flags & F_NON_OWN);
}

bool graph_in_locked_callback(const struct env *env)
{
	const struct frame *f = state_frame(env->st);
	const struct env_kfuncs *k = env->kfuncs;

	if (!env->st->cur || !f->callback || !k)
		return false;
	for (uint32_t i = 0; i < k->n; i++)
		if (k->funcs[i]->id == (uint32_t)env->insns[f->callsite].imm &&
		    (k->funcs[i]->groups & KG_RBTREE))
			return true;
	return false;
}

void graph_drop_non_owning(struct env *env)
{
	struct reg *r;

	STATE_FOR_EACH_REG(env->st, r)
	{
		if (graph_is_non_owning(r))
			reg_drop(env, r);
	}
}

int graph_set_non_owning(struct env *env, struct reg *r)
{
	const struct btf_record *record = args_record(env, r);

	if (!env->st->locks || (r->flags & F_NON_OWN))
		return env_fail(env, -EFAULT, REASON_GRAPH,
				"non-owning reference without a lock, or twice");
	r->flags |= F_NON_OWN;
	/* What is counted outlives the lock: until the end of the RCU section. */
	if (record && record->refcount_off >= 0)
		r->flags |= F_RCU;
	return 0;
}

void graph_set_node(struct reg *r, const struct btf_field *root)
{
	reg_set_pointer(r, R_BTF_ID, F_ALLOC);
	r->btf = root->btf;
	r->btf_id = root->type;
	r->off = (int32_t)root->node_offset;
}

int graph_callback_args(struct env *env, const struct reg *root, struct frame *callee)
{
	const struct btf_record *record = args_record(env, root);
	const struct btf_field *field =
		record ? btf_record_find(record, (uint32_t)root->off, BTF_MASK(RB_ROOT)) : NULL;
	int err = 0;

	if (!field || !field->type)
		return env_fail(env, -EFAULT, REASON_GRAPH, "callback of no tree");
	for (int i = 1; !err && i <= 2; i++) {
		graph_set_node(&callee->regs[i], field);
		err = graph_set_non_owning(env, &callee->regs[i]);
	}
	for (int i = 3; i <= 5; i++)
		reg_set_not_init(&callee->regs[i]);
	return err;
}

/* ---- arguments: roots and nodes ---------------------------------------------------------------
 */

/* The field that the register points to: *off, where that is in its object. */
static int graph_find_field(struct env *env, int regno, enum btf_field_id id,
			    const struct btf_field **field, uint32_t *off)
{
	const struct reg *r = env_reg(env, regno);
	const struct btf_record *record = args_record(env, r);
	const char *name = btf_field_names[id];

	if (!range_is_const(&r->var))
		return env_fail_reg(
			env, -EINVAL, REASON_GRAPH, regno,
			"R%d doesn't have constant offset. %s has to be at the constant offset",
			regno, name);
	*off = (uint32_t)((uint64_t)r->off + range_const(&r->var));
	*field = record ? btf_record_find(record, *off, 1u << id) : NULL;
	if (!*field)
		return env_fail_reg(env, -EINVAL, REASON_GRAPH, regno, "%s not found at offset=%u",
				    name, *off);
	return 0;
}

/* The lock in the object that the register points to is held. */
static int graph_check_locked(struct env *env, int regno, const char *name)
{
	static const enum ref_kind kinds[] = {REF_LOCK, REF_RES_LOCK, REF_RES_LOCK_IRQ};
	const struct reg *r = env_reg(env, regno);
	const void *ptr = r->type == R_MAP_VALUE ? (const void *)r->map : (const void *)r->btf;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (state_find_lock(env->st, kinds[i], r->id, ptr))
			return 0;
	return env_fail_reg(
		env, -EINVAL, REASON_GRAPH, regno, "%sbpf_spin_lock at off=%d must be held for %s",
		env->st->locks ? "held lock and object are not in the same allocation\n" : "",
		args_record(env, r)->spin_lock_off, name);
}

/* A register with an object of the program's own that it owns. */
static int graph_check_owned(struct env *env, int regno)
{
	const struct reg *r = env_reg(env, regno);

	if (r->type != R_BTF_ID || r->flags != F_ALLOC)
		return env_fail_reg(env, -EINVAL, REASON_GRAPH, regno,
				    "arg#%d expected pointer to allocated object", regno - 1);
	if (!r->ref)
		return env_fail_reg(env, -EINVAL, REASON_GRAPH, regno,
				    "allocated object must be referenced");
	return 0;
}

int graph_root_arg(struct env *env, struct kfunc_call *c, int regno, enum btf_field_id head)
{
	const struct reg *r = env_reg(env, regno);
	const char *name = btf_field_names[head];
	bool value = r->type == R_MAP_VALUE && !r->flags,
	     object = r->type == R_BTF_ID && r->flags == F_ALLOC;
	const struct btf_field *field;
	uint32_t off;
	int err;

	if (!value && !object)
		return env_fail_reg(env, -EINVAL, REASON_GRAPH, regno,
				    "arg#%d expected pointer to map value or allocated object",
				    regno - 1);
	if (object && !r->ref)
		return env_fail_reg(env, -EINVAL, REASON_GRAPH, regno,
				    "allocated object must be referenced");
	if (!(c->func->groups & (head == BTF_FIELD_LIST_HEAD ? KG_LIST : KG_RBTREE)))
		return env_fail(env, -EFAULT, REASON_UNKNOWN_FUNC, "%s head arg for unknown kfunc",
				name);
	err = graph_find_field(env, regno, head, &field, &off);
	if (!err)
		err = graph_check_locked(env, regno, name);
	if (err)
		return err;
	if (c->root)
		return env_fail(env, -EFAULT, REASON_INTERNAL, "repeating %s arg", name);
	c->root = field;
	return 0;
}

/* Nodes that are not inserted are in the graph already. */
static int graph_check_node_reg(struct env *env, const struct kfunc_call *c, int regno)
{
	const struct reg *r = env_reg(env, regno);
	const char *name = c->func->name;

	if (c->func->groups & KG_INSERTS)
		return graph_check_owned(env, regno);
	if (!graph_is_non_owning(r) && !r->ref)
		return env_fail_reg(env, -EINVAL, REASON_GRAPH, regno,
				    "%s can only take non-owning or refcounted bpf_rb_node pointer",
				    name);
	if (graph_in_locked_callback(env))
		return env_fail(env, -EINVAL, REASON_GRAPH, "%s not allowed in rbtree cb", name);
	return 0;
}

int graph_node_arg(struct env *env, struct kfunc_call *c, int regno, enum btf_field_id node)
{
	const struct reg *r = env_reg(env, regno);
	const struct btf_field *field, *root = c->root;
	const char *want;
	uint32_t off;
	int err = graph_check_node_reg(env, c, regno);

	if (err)
		return err;
	if (!(c->func->groups & (node == BTF_FIELD_LIST_NODE ? KG_LIST_NODE : KG_RB_NODE)))
		return env_fail(env, -EFAULT, REASON_UNKNOWN_FUNC, "%s node arg for unknown kfunc",
				btf_field_names[node]);
	err = graph_find_field(env, regno, node, &field, &off);
	if (err)
		return err;
	if (!root)
		return env_fail(env, -EFAULT, REASON_INTERNAL, "node before its root");
	want = btf_name(root->btf, root->type);
	if (!btf_match(r->btf, r->btf_id, 0, root->btf, root->type, true, NULL))
		return env_fail_reg(env, -EINVAL, REASON_GRAPH, regno,
				    "operation on %s expects arg#1 %s at offset=%u in struct %s, "
				    "but arg is at offset=%u in struct %s",
				    btf_field_names[root->id], btf_field_names[node],
				    root->node_offset, want, off, btf_name(r->btf, r->btf_id));
	c->arg_btf = r->btf;
	c->arg_btf_id = r->btf_id;
	if (off != root->node_offset)
		return env_fail_reg(env, -EINVAL, REASON_GRAPH, regno,
				    "arg#1 offset=%u, but expected %s at offset=%u in struct %s",
				    off, btf_field_names[node], root->node_offset, want);
	return 0;
}

int graph_insert(struct env *env, const struct kfunc_call *c)
{
	uint32_t ref = env_reg(env, 2)->ref;
	struct reg *r;
	int err;

	if (!ref || !state_find_ref(env->st, ref))
		return env_fail(env, -EFAULT, REASON_GRAPH,
				"kfunc %s#%u conversion of owning ref to non-owning failed",
				c->func->name, c->func->id);
	STATE_FOR_EACH_REG(env->st, r)
	{
		if (r->ref != ref)
			continue;
		r->ref = 0;
		err = graph_set_non_owning(env, r);
		if (err)
			return err;
	}
	if (state_release(env, ref))
		return env_fail(env, -EINVAL, REASON_REF_STATE,
				"kfunc %s#%u reference has not been acquired before", c->func->name,
				c->func->id);
	return 0;
}

/* ---- local objects
 * ------------------------------------------------------------------------------- */

int graph_local_arg(struct env *env, struct kfunc_call *c, int regno)
{
	const struct reg *r = env_reg(env, regno);
	const char *wrong = NULL;

	if (r->type == R_BTF_ID && r->flags == F_ALLOC) {
		if (c->func->special != KS_OBJ_DROP)
			wrong = "expected for bpf_obj_drop_impl()";
	} else if (r->type == R_BTF_ID && r->flags == (F_ALLOC | F_PERCPU)) {
		if (c->func->special != KS_PERCPU_OBJ_DROP)
			wrong = "expected for bpf_percpu_obj_drop_impl()";
	} else {
		wrong = "expected pointer to allocated object";
	}
	if (wrong)
		return env_fail_reg(env, -EINVAL, REASON_GRAPH, regno, "arg#%d %s", regno - 1,
				    wrong);
	if (!r->ref)
		return env_fail_reg(env, -EINVAL, REASON_GRAPH, regno,
				    "allocated object must be referenced");
	c->arg_btf = r->btf;
	c->arg_btf_id = r->btf_id;
	return 0;
}

int graph_counted_arg(struct env *env, struct kfunc_call *c, int regno)
{
	const struct reg *r = env_reg(env, regno);
	const struct btf_record *record;

	if (r->type != R_BTF_ID || !(r->flags & F_ALLOC))
		return env_fail_reg(env, -EINVAL, REASON_GRAPH, regno,
				    "arg#%d is neither owning or non-owning ref", regno - 1);
	c->owning = !(r->flags & F_NON_OWN);
	record = args_record(env, r);
	if (!record)
		return env_fail(env, -EFAULT, REASON_GRAPH, "Couldn't find btf_record");
	if (record->refcount_off < 0)
		return env_fail_reg(env, -EINVAL, REASON_GRAPH, regno,
				    "arg#%d doesn't point to a type with bpf_refcount field",
				    regno - 1);
	c->arg_btf = r->btf;
	c->arg_btf_id = r->btf_id;
	return 0;
}

/* bpf_obj_new, bpf_percpu_obj_new: the constant is a type of the program. */
static int graph_new_object(struct env *env, const struct kfunc_call *c, struct reg *r0)
{
	const struct btf *btf = env->image->btf;
	bool percpu = c->func->special == KS_PERCPU_OBJ_NEW;
	const struct btf_type *t;
	uint32_t id = (uint32_t)c->constant;

	if (id != c->constant)
		return env_fail(env, -EINVAL, REASON_ARG_CONST,
				"local type ID argument must be in range [0, U32_MAX]");
	if (!btf)
		return env_fail(env, -EINVAL, REASON_GRAPH,
				"bpf_obj_new/bpf_percpu_obj_new requires prog BTF");
	t = btf_type(btf, id);
	if (!t || btf_type_kind(t) != BTF_KIND_STRUCT)
		return env_fail(
			env, -EINVAL, REASON_ARG_CONST,
			"bpf_obj_new/bpf_percpu_obj_new type ID argument must be of a struct");
	if (percpu && t->size > PERCPU_OBJECT_MAX)
		return env_fail(env, -EINVAL, REASON_ARG_CONST,
				"bpf_percpu_obj_new type size (%u) is greater than %d", t->size,
				PERCPU_OBJECT_MAX);
	if (percpu && !kfunc_is_numbers(btf, t, 0))
		return env_fail(
			env, -EINVAL, REASON_ARG_CONST,
			"bpf_percpu_obj_new type ID argument must be of a struct of scalars");
	if (percpu && env->locals && btf_locals_get(env->locals, id))
		return env_fail(
			env, -EINVAL, REASON_ARG_CONST,
			"bpf_percpu_obj_new type ID argument must not contain special fields");
	reg_set_pointer(r0, R_BTF_ID, F_ALLOC | (percpu ? F_PERCPU : 0));
	r0->btf = btf;
	r0->btf_id = id;
	return 0;
}

int graph_return_local(struct env *env, const struct kfunc_call *c, struct reg *r0)
{
	if (c->func->special != KS_REFCOUNT_ACQUIRE)
		return graph_new_object(env, c, r0);
	reg_set_pointer(r0, R_BTF_ID, F_ALLOC);
	r0->btf = c->arg_btf;
	r0->btf_id = c->arg_btf_id;
	return 0;
}
