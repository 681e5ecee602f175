/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/crypto.c - see crypto.h. libcrypto is not linked: base/lazy.h says why.
 */
#include "chain/crypto.h"
#include "base/lazy.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/opensslv.h>
#include <openssl/rand.h>

#define CRYPTO_TEXT_(x) #x
#define CRYPTO_TEXT(x)	CRYPTO_TEXT_(x)

#define CRYPTO_FUNCTIONS(FN)             \
	FN(EVP_Digest)                   \
	FN(EVP_DigestSign)               \
	FN(EVP_DigestSignInit)           \
	FN(EVP_DigestVerify)             \
	FN(EVP_DigestVerifyInit)         \
	FN(EVP_EncodeBlock)              \
	FN(EVP_MD_CTX_free)              \
	FN(EVP_MD_CTX_new)               \
	FN(EVP_PKEY_free)                \
	FN(EVP_PKEY_get_raw_public_key)  \
	FN(EVP_PKEY_new_raw_private_key) \
	FN(EVP_PKEY_new_raw_public_key)  \
	FN(EVP_blake2b512)               \
	FN(OPENSSL_cleanse)              \
	FN(RAND_bytes)

static struct {
	CRYPTO_FUNCTIONS(LAZY_MEMBER)
} ssl;

LAZY_LIBRARY(crypto_library, ssl, CRYPTO_FUNCTIONS,
	     "libcrypto.so." CRYPTO_TEXT(OPENSSL_SHLIB_VERSION))

const char *crypto_missing(void)
{
	return lazy_need(&crypto_library) ? crypto_library.why : NULL;
}

int crypto_need(struct visor_diag *diag)
{
	return lazy_need(&crypto_library)
		       ? lazy_fail(&crypto_library, "sign",
				   "OpenSSL's libcrypto: signatures are made and checked with it",
				   diag)
		       : 0;
}

bool crypto_random(void *out, size_t size)
{
	return ssl.RAND_bytes(out, (int)size) == 1;
}

bool crypto_hash(const void *data, size_t size, uint8_t out[CRYPTO_HASH])
{
	unsigned int len = 0;

	return ssl.EVP_Digest(data, size, out, &len, ssl.EVP_blake2b512(), NULL) == 1 &&
	       len == CRYPTO_HASH;
}

static EVP_PKEY *crypto_secret(const uint8_t seed[CRYPTO_SEED])
{
	return ssl.EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, CRYPTO_SEED);
}

bool crypto_public(const uint8_t seed[CRYPTO_SEED], uint8_t key[CRYPTO_KEY])
{
	EVP_PKEY *pkey = crypto_secret(seed);
	size_t len = CRYPTO_KEY;
	bool good =
		pkey && ssl.EVP_PKEY_get_raw_public_key(pkey, key, &len) == 1 && len == CRYPTO_KEY;

	ssl.EVP_PKEY_free(pkey);
	return good;
}

bool crypto_sign(const uint8_t seed[CRYPTO_SEED], const void *data, size_t size,
		 uint8_t sig[CRYPTO_SIG])
{
	EVP_PKEY *pkey = crypto_secret(seed);
	EVP_MD_CTX *ctx = ssl.EVP_MD_CTX_new();
	size_t len = CRYPTO_SIG;
	bool good = pkey && ctx && ssl.EVP_DigestSignInit(ctx, NULL, NULL, NULL, pkey) == 1 &&
		    ssl.EVP_DigestSign(ctx, sig, &len, data, size) == 1 && len == CRYPTO_SIG;

	ssl.EVP_MD_CTX_free(ctx);
	ssl.EVP_PKEY_free(pkey);
	return good;
}

bool crypto_verify(const uint8_t key[CRYPTO_KEY], const uint8_t sig[CRYPTO_SIG], const void *data,
		   size_t size)
{
	EVP_PKEY *pkey = ssl.EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, CRYPTO_KEY);
	EVP_MD_CTX *ctx = ssl.EVP_MD_CTX_new();
	bool good = pkey && ctx && ssl.EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) == 1 &&
		    ssl.EVP_DigestVerify(ctx, sig, CRYPTO_SIG, data, size) == 1;

	ssl.EVP_MD_CTX_free(ctx);
	ssl.EVP_PKEY_free(pkey);
	return good;
}

void crypto_base64(const void *data, size_t size, char *out)
{
	ssl.EVP_EncodeBlock((unsigned char *)out, data, (int)size);
}

void crypto_wipe(void *secret, size_t size)
{
	ssl.OPENSSL_cleanse(secret, size);
}
