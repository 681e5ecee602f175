/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/crypto.h - the few operations that signatures are made of, from OpenSSL's libcrypto.
 *
 * The library is loaded by the first crypto_need, which stands before all others. Safe from any
 * thread.
 */
#ifndef CHAIN_CRYPTO_H
#define CHAIN_CRYPTO_H

#include "base/diag.h"

enum {
	CRYPTO_SEED = 32, /* what a secret key of Ed25519 is made from */
	CRYPTO_KEY = 32,
	CRYPTO_SIG = 64,
	CRYPTO_HASH = 64, /* BLAKE2b-512 */
};

/* NULL; or, where the library cannot be loaded, why. Nothing else here may be called then. */
const char *crypto_missing(void);
/* The same as 0, or -ELIBACC with diag. */
int crypto_need(struct visor_diag *diag);

bool crypto_random(void *out, size_t size);
bool crypto_hash(const void *data, size_t size, uint8_t out[CRYPTO_HASH]);
/* The public key of a seed. */
bool crypto_public(const uint8_t seed[CRYPTO_SEED], uint8_t key[CRYPTO_KEY]);
bool crypto_sign(const uint8_t seed[CRYPTO_SEED], const void *data, size_t size,
		 uint8_t sig[CRYPTO_SIG]);
bool crypto_verify(const uint8_t key[CRYPTO_KEY], const uint8_t sig[CRYPTO_SIG], const void *data,
		   size_t size);
/* Base64 with a terminating zero: `out` has (size + 2) / 3 * 4 + 1 bytes. */
void crypto_base64(const void *data, size_t size, char *out);
/* Overwrites a secret, which the compiler does not leave out. */
void crypto_wipe(void *secret, size_t size);

#endif
