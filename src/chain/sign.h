/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/sign.h - detached signatures of objects, as minisign(1) makes them, and who demands them.
 *
 * OBJECT.o.minisig is beside the object: Ed25519 over its bytes, or over their BLAKE2b-512, and
 * once more over the signature and its trusted comment. A policy, from a file of the system or
 * from the chain itself, says whether objects must be signed and by which keys:
 *
 *     signatures: require
 *     keys: [RWSP/Sa3Gb0x..., release.pub]     # relative to the file that says so
 *
 * All that demand are obeyed; none can make another less strict. What is checked is bytes in
 * memory: what is opened afterwards must be the same (load/file.h).
 */
#ifndef CHAIN_SIGN_H
#define CHAIN_SIGN_H

#include "chain/chain.h"
#include "load/file.h"

#define SIGN_SUFFIX	   ".minisig"
#define SIGN_SYSTEM_POLICY "/etc/visor/policy.yaml"
#define SIGN_MAX_KEYS	   64
#define SIGN_MAX_BYTES	   8192 /* of a signature, or of a file with a key */

struct sign_key {
	uint8_t id[8], key[32];
};

/* A public key: the text of a key, or of a file with one. -EINVAL with diag. */
int sign_key_parse(const char *text, struct sign_key *out, struct visor_diag *diag);

enum sign_state {
	SIGN_UNSIGNED,
	SIGN_GOOD,
	SIGN_UNKNOWN, /* a key that is none of those given; nothing was verified */
	SIGN_BAD,     /* damaged, or not of these bytes */
};

struct sign_result {
	enum sign_state state;
	char key[17];	   /* the key's number as minisign prints it, or "" */
	char comment[256]; /* the trusted one, of a good signature */
	char why[200];	   /* BAD */
};

/* A signature's text, against bytes. Pure; the text may be anything. */
void sign_check(const void *data, size_t size, const char *text, size_t len,
		const struct sign_key *keys, uint32_t n_keys, struct sign_result *out);

/* ---- policies ------------------------------------------------------------------------------ */

struct sign_policy {
	char file[160]; /* who says so */
	bool require;
	uint32_t n_keys;
	struct sign_key keys[SIGN_MAX_KEYS];
};

#define SIGN_POLICIES 3 /* the system's, VISOR_POLICY's, the chain's */

struct sign_policies {
	uint32_t n;
	struct sign_policy all[SIGN_POLICIES];
};

/* The policies in force; desc may be NULL. A policy that cannot be read is an error: nothing may
 * be loaded then. */
int sign_policies(const struct chain_desc *desc, struct sign_policies *out,
		  struct visor_diag *diag);
bool sign_required(const struct sign_policies *p);
/* 0, or -EKEYREJECTED with diag: exactly why. */
int sign_demand(const struct sign_policies *p, const struct load_file *file,
		struct visor_diag *diag);
/* What there is to say of an object's signature, with all keys of all policies. */
void sign_look(const struct sign_policies *p, const struct load_file *file,
	       struct sign_result *out);

/* ---- signing ------------------------------------------------------------------------------- */

/* Makes a key pair without a password; texts of the two files, which the caller frees. */
int sign_keygen(char **public_text, char **secret_text, char id[17], struct visor_diag *diag);
/* The text of a signature. `secret` is the text of a file with a secret key without a password. */
int sign_make(const char *secret, const void *data, size_t size, const char *comment, char **out,
	      struct visor_diag *diag);

#endif
