/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/policy.c - who demands signatures, and whether an object has what is demanded.
 *
 * Whatever is in doubt is refused: a policy that is there but cannot be read, too.
 */
#include "chain/sign.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- files --------------------------------------------------------------------------------- */

/* A small file, NUL-terminated; the caller frees it. -errno. */
static int policy_small_file(const char *path, char **text, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), err = 0;
	struct stat st;
	ssize_t n = 1;

	*text = NULL;
	*len = 0;
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st))
		err = -errno;
	else if (!S_ISREG(st.st_mode))
		err = -EINVAL;
	else if (!(*text = malloc(SIGN_MAX_BYTES + 2)))
		err = -ENOMEM;
	while (!err && n && *len <= SIGN_MAX_BYTES) {
		n = read(fd, *text + *len, SIGN_MAX_BYTES + 1 - *len);
		if (n < 0 && errno != EINTR)
			err = -errno;
		*len += n > 0 ? (size_t)n : 0;
	}
	if (!err && *len > SIGN_MAX_BYTES)
		err = -EFBIG;
	close(fd);
	if (err) {
		free(*text);
		*text = NULL;
		return err;
	}
	(*text)[*len] = '\0';
	return 0;
}

static void policy_check(const struct load_file *file, const struct sign_key *keys, uint32_t n_keys,
			 struct sign_result *out)
{
	char path[PATH_MAX + sizeof(SIGN_SUFFIX)], *text;
	size_t len;
	int err;

	snprintf(path, sizeof(path), "%s%s", file->path, SIGN_SUFFIX);
	err = policy_small_file(path, &text, &len);
	memset(out, 0, sizeof(*out));
	if (err == -ENOENT)
		return;
	if (err) {
		out->state = SIGN_BAD;
		snprintf(out->why, sizeof(out->why), "the signature cannot be read: %s",
			 strerror(-err));
		return;
	}
	sign_check(file->data, file->size, text, len, keys, n_keys, out);
	free(text);
}

/* ---- reading ------------------------------------------------------------------------------- */

static int policy_key(struct sign_policy *p, const struct tree *tree, const struct tree_node *node,
		      const char *file, struct visor_diag *diag)
{
	const char *slash = strrchr(file, '/');
	char path[PATH_MAX], *text;
	struct sign_key key;
	size_t len;
	int err;

	if (node->kind != TREE_SCALAR || !node->text[0])
		return tree_fail(tree, node, diag, -EINVAL, "a key is a text, or a file with one");
	if (p->n_keys == SIGN_MAX_KEYS)
		return tree_fail(tree, node, diag, -E2BIG, "more than %d keys", SIGN_MAX_KEYS);
	if (sign_key_parse(node->text, &key, NULL)) {
		snprintf(path, sizeof(path), "%.*s%s",
			 node->text[0] == '/' || !slash ? 0 : (int)(slash + 1 - file), file,
			 node->text);
		err = policy_small_file(path, &text, &len);
		if (err)
			return tree_fail(tree, node, diag, err,
					 "'%s' is neither a public key nor a file with one",
					 node->text);
		err = sign_key_parse(text, &key, NULL);
		free(text);
		if (err)
			return tree_fail(tree, node, diag, err, "there is no public key in '%s'",
					 node->text);
	}
	p->keys[p->n_keys++] = key;
	return 0;
}

static int policy_parse(struct sign_policy *p, const struct tree *tree,
			const struct tree_node *signatures, const struct tree_node *keys,
			const char *file, struct visor_diag *diag)
{
	int err = 0;

	snprintf(p->file, sizeof(p->file), "%s", file);
	if (signatures) {
		bool text = signatures->kind == TREE_SCALAR;

		p->require = text && !strcmp(signatures->text, "require");
		if (!p->require && (!text || strcmp(signatures->text, "optional") != 0))
			return tree_fail(tree, signatures, diag, -EINVAL,
					 "signatures is require or optional");
	}
	if (keys && keys->kind != TREE_LIST)
		return tree_fail(tree, keys, diag, -EINVAL, "keys is a list of public keys");
	for (uint32_t i = 0; keys && !err && i < keys->n; i++)
		err = policy_key(p, tree, keys->items[i], file, diag);
	return err;
}

static int policy_read(struct sign_policy *p, const char *file, struct visor_diag *diag)
{
	const struct tree_node *root;
	struct tree *tree;
	int err = tree_read(file, &tree, &root, diag);

	if (err) {
		diag_at(diag, "%s", file);
		return err;
	}
	if (!root || root->kind != TREE_MAP)
		err = diag_fail(diag, -EINVAL, "sign",
				"a policy is a mapping: {signatures: require, keys: [...]}");
	for (uint32_t i = 0; !err && i < root->n; i++)
		if (strcmp(root->keys[i]->text, "signatures") != 0 &&
		    strcmp(root->keys[i]->text, "keys") != 0)
			err = tree_fail(tree, root->keys[i], diag, -EINVAL,
					"unknown key '%s' in a policy", root->keys[i]->text);
	if (!err)
		err = policy_parse(p, tree, tree_get(root, "signatures"), tree_get(root, "keys"),
				   file, diag);
	if (err)
		diag_at(diag, "%s", file);
	tree_free(tree);
	return err;
}

int sign_policies(const struct chain_desc *desc, struct sign_policies *out, struct visor_diag *diag)
{
	const char *environment = getenv("VISOR_POLICY");
	int err = 0;

	memset(out, 0, sizeof(*out));
	/* Only where it surely is not there, there is none. */
	if (!access(SIGN_SYSTEM_POLICY, F_OK) || (errno != ENOENT && errno != ENOTDIR))
		err = policy_read(&out->all[out->n++], SIGN_SYSTEM_POLICY, diag);
	if (!err && environment && *environment)
		err = policy_read(&out->all[out->n++], environment, diag);
	if (!err && desc && (desc->signatures || desc->keys))
		err = policy_parse(&out->all[out->n++], desc->tree, desc->signatures, desc->keys,
				   desc->file, diag);
	return err;
}

/* ---- demanding ----------------------------------------------------------------------------- */

bool sign_required(const struct sign_policies *p)
{
	bool required = false;

	for (uint32_t i = 0; i < p->n; i++)
		required |= p->all[i].require;
	return required;
}

static uint32_t policy_all_keys(const struct sign_policies *p,
				struct sign_key out[SIGN_POLICIES * SIGN_MAX_KEYS])
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < p->n; i++) {
		memcpy(out + n, p->all[i].keys, p->all[i].n_keys * sizeof(*out));
		n += p->all[i].n_keys;
	}
	return n;
}

static int policy_demand(const struct sign_policies *all, const struct sign_policy *p,
			 const struct load_file *file, struct visor_diag *diag)
{
	struct sign_key keys[SIGN_POLICIES * SIGN_MAX_KEYS];
	uint32_t n = p->n_keys;
	struct sign_result r;

	/* Who demands signatures and names no keys means those that others trust. */
	if (n)
		memcpy(keys, p->keys, n * sizeof(*keys));
	else
		n = policy_all_keys(all, keys);
	policy_check(file, keys, n, &r);
	if (r.state == SIGN_GOOD)
		return 0;
	if (r.state == SIGN_UNSIGNED) {
		diag_fail(diag, -EKEYREJECTED, "sign", "it is not signed, and %s requires it",
			  p->file);
		diag_hint(diag, "the signature belongs into a file beside it that ends in "
				".o" SIGN_SUFFIX);
	} else if (r.state == SIGN_UNKNOWN) {
		diag_fail(diag, -EKEYREJECTED, "sign",
			  "it is signed with key %s, which is none of the %u that %s trusts", r.key,
			  n, p->file);
	} else {
		diag_fail(diag, -EKEYREJECTED, "sign",
			  "it has no good signature, and %s requires one: %s", p->file, r.why);
	}
	diag_at(diag, "%s", file->path);
	return -EKEYREJECTED;
}

int sign_demand(const struct sign_policies *p, const struct load_file *file,
		struct visor_diag *diag)
{
	int err = 0;

	for (uint32_t i = 0; !err && i < p->n; i++)
		if (p->all[i].require)
			err = policy_demand(p, &p->all[i], file, diag);
	return err;
}

void sign_look(const struct sign_policies *p, const struct load_file *file, struct sign_result *out)
{
	struct sign_key keys[SIGN_POLICIES * SIGN_MAX_KEYS];

	policy_check(file, keys, policy_all_keys(p, keys), out);
}
