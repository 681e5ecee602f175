/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/sign.c - minisign's formats, checked and made.
 *
 *    public key   "Ed" | number 8 | key 32
 *    signature    "Ed" (of the bytes) or "ED" (of their hash) | number 8 | signature 64
 *    secret key   "Ed" | how it is encrypted 2 | "B2" | salt 32 | cost 16 | number 8 | seed 32,
 *                 key 32 | checksum 32
 *
 * each as one line of base64 behind a line of comment. There is one way to write a signature:
 * what deviates is damaged.
 */
#include "chain/sign.h"
#include "chain/crypto.h"

#include <errno.h>
#include <stdlib.h>

#define UNTRUSTED "untrusted comment: "
#define TRUSTED	  "trusted comment: "

enum {
	SIGN_ID = 8,
	SIGN_SIG = CRYPTO_SIG,
	SIGN_KEY_BYTES = 2 + SIGN_ID + 32,
	SIGN_SIG_BYTES = 2 + SIGN_ID + SIGN_SIG,
	SIGN_SECRET_ID = 2 + 2 + 2 + 32 + 16,
	SIGN_SECRET_BYTES = SIGN_SECRET_ID + SIGN_ID + 64 + 32,
	SIGN_MAX_COMMENT = 255,
};

/* ---- texts --------------------------------------------------------------------------------- */

static int base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Exactly `size` bytes from exactly the text that encodes them. */
static bool base64_decode(const char *text, size_t len, uint8_t *out, size_t size)
{
	size_t digits = (size * 8 + 5) / 6, n = 0;
	uint32_t bits = 0, have = 0;

	if (len != (size + 2) / 3 * 4)
		return false;
	for (size_t i = 0; i < len; i++) {
		int digit = base64_digit(text[i]);

		if (i >= digits ? text[i] != '=' : digit < 0)
			return false;
		if (i >= digits)
			continue;
		bits = bits << 6 | (uint32_t)digit;
		have += 6;
		if (have >= 8) {
			have -= 8;
			out[n++] = (uint8_t)(bits >> have);
			bits &= (1u << have) - 1;
		}
	}
	return n == size && !bits;
}

/* The next line, without its end; false behind the last one. */
static bool sign_line(const char **at, const char *end, const char **line, size_t *len)
{
	const char *stop;

	if (*at >= end)
		return false;
	stop = memchr(*at, '\n', (size_t)(end - *at));
	*line = *at;
	*len = (size_t)((stop ? stop : end) - *at);
	*at = stop ? stop + 1 : end;
	if (*len && (*line)[*len - 1] == '\r')
		--*len;
	return true;
}

static bool sign_begins(const char *line, size_t len, const char *with)
{
	return len >= strlen(with) && !memcmp(line, with, strlen(with));
}

static void sign_id_text(const uint8_t id[SIGN_ID], char out[17])
{
	for (int i = 0; i < SIGN_ID; i++)
		snprintf(out + 2 * i, 3, "%02X", id[SIGN_ID - 1 - i]);
}

int sign_key_parse(const char *text, struct sign_key *out, struct visor_diag *diag)
{
	const char *at = text, *end = text + strlen(text), *line;
	uint8_t bytes[SIGN_KEY_BYTES];
	size_t len;

	if (!sign_line(&at, end, &line, &len) ||
	    (sign_begins(line, len, UNTRUSTED) && !sign_line(&at, end, &line, &len)) ||
	    !base64_decode(line, len, bytes, sizeof(bytes)) || memcmp(bytes, "Ed", 2) != 0)
		return diag_fail(diag, -EINVAL, "sign", "not a public key as minisign makes them");
	memcpy(out->id, bytes + 2, sizeof(out->id));
	memcpy(out->key, bytes + 2 + SIGN_ID, sizeof(out->key));
	return 0;
}

/* ---- checking ------------------------------------------------------------------------------ */

struct sign_parts {
	uint8_t sig[SIGN_SIG_BYTES], global[SIGN_SIG];
	const char *comment;
	size_t comment_len;
};

/* NULL, or what is wrong. */
static const char *sign_parse(const char *text, size_t len, struct sign_parts *out)
{
	const char *at = text, *end = text + len, *line;
	size_t n;

	if (memchr(text, '\0', len))
		return "the signature is no text";
	if (!sign_line(&at, end, &line, &n) || !sign_begins(line, n, UNTRUSTED))
		return "the signature does not begin with 'untrusted comment: '";
	if (!sign_line(&at, end, &line, &n) || !base64_decode(line, n, out->sig, sizeof(out->sig)))
		return "the signature is damaged";
	if (memcmp(out->sig, "Ed", 2) != 0 && memcmp(out->sig, "ED", 2) != 0)
		return "the signature is of an unknown kind";
	if (!sign_line(&at, end, &line, &n) || !sign_begins(line, n, TRUSTED))
		return "the signature has no trusted comment";
	out->comment = line + strlen(TRUSTED);
	out->comment_len = n - strlen(TRUSTED);
	if (!sign_line(&at, end, &line, &n) ||
	    !base64_decode(line, n, out->global, sizeof(out->global)))
		return "the signature of the trusted comment is damaged";
	return at == end ? NULL : "there is something behind the signature";
}

/* Of the bytes, and of the comment: NULL, or what is wrong. */
static const char *sign_with_key(const struct sign_parts *s, const struct sign_key *key,
				 const void *data, size_t size)
{
	const uint8_t *sig = s->sig + 2 + SIGN_ID;
	uint8_t hash[CRYPTO_HASH], *both;
	bool good;

	if (s->sig[1] == 'D') {
		if (!crypto_hash(data, size, hash))
			return "the cryptographic library has no BLAKE2b";
		good = crypto_verify(key->key, sig, hash, sizeof(hash));
	} else {
		good = crypto_verify(key->key, sig, data, size);
	}
	if (!good)
		return "the object is not what was signed";
	both = malloc(SIGN_SIG + s->comment_len);
	if (!both)
		return "no memory to check it";
	memcpy(both, sig, SIGN_SIG);
	memcpy(both + SIGN_SIG, s->comment, s->comment_len);
	good = crypto_verify(key->key, s->global, both, SIGN_SIG + s->comment_len);
	free(both);
	return good ? NULL : "the trusted comment is not what was signed";
}

void sign_check(const void *data, size_t size, const char *text, size_t len,
		const struct sign_key *keys, uint32_t n_keys, struct sign_result *out)
{
	struct sign_parts s;
	const char *why = sign_parse(text, len, &s);

	memset(out, 0, sizeof(*out));
	out->state = SIGN_BAD;
	if (why) {
		snprintf(out->why, sizeof(out->why), "%s", why);
		return;
	}
	sign_id_text(s.sig + 2, out->key);
	out->state = SIGN_UNKNOWN;
	for (uint32_t i = 0; i < n_keys && out->state != SIGN_GOOD; i++) {
		if (memcmp(keys[i].id, s.sig + 2, SIGN_ID) != 0)
			continue;
		why = crypto_missing();
		if (why) {
			out->state = SIGN_BAD;
			snprintf(out->why, sizeof(out->why), "it cannot be verified: %s", why);
			return;
		}
		why = sign_with_key(&s, &keys[i], data, size);
		out->state = why ? SIGN_BAD : SIGN_GOOD;
		snprintf(out->why, sizeof(out->why), "%s", why ? why : "");
	}
	if (out->state == SIGN_GOOD)
		snprintf(out->comment, sizeof(out->comment), "%.*s",
			 (int)MIN(s.comment_len, sizeof(out->comment)), s.comment);
}

/* ---- signing ------------------------------------------------------------------------------- */

static int sign_failed(struct visor_diag *diag)
{
	return diag_fail(diag, -EIO, "sign", "the cryptographic library failed");
}

/* A comment and a line of base64 behind what is there already. */
static int sign_append(char **text, const char *comment, const uint8_t *bytes, size_t size)
{
	char line[(SIGN_SECRET_BYTES + 2) / 3 * 4 + 1], *more;

	crypto_base64(bytes, size, line);
	if (asprintf(&more, "%s%s\n%s\n", *text ? *text : "", comment, line) < 0)
		return -ENOMEM;
	free(*text);
	*text = more;
	return 0;
}

int sign_keygen(char **public_text, char **secret_text, char id[17], struct visor_diag *diag)
{
	uint8_t secret[SIGN_SECRET_BYTES] = {0}, open[SIGN_KEY_BYTES] = "Ed";
	uint8_t *seed = secret + SIGN_SECRET_ID + SIGN_ID;
	char comment[80];
	int err;

	*public_text = *secret_text = NULL;
	err = crypto_need(diag);
	if (err)
		return err;
	memcpy(secret, "Ed\0\0B2", 6);
	if (!crypto_random(secret + SIGN_SECRET_ID, SIGN_ID + CRYPTO_SEED) ||
	    !crypto_public(seed, seed + CRYPTO_SEED)) {
		err = sign_failed(diag);
	} else {
		memcpy(open + 2, secret + SIGN_SECRET_ID, SIGN_ID);
		memcpy(open + 2 + SIGN_ID, seed + CRYPTO_SEED, CRYPTO_KEY);
		sign_id_text(open + 2, id);
		snprintf(comment, sizeof(comment), UNTRUSTED "minisign public key %s", id);
		if (sign_append(public_text, comment, open, sizeof(open)) ||
		    sign_append(secret_text, UNTRUSTED "minisign secret key", secret,
				sizeof(secret)))
			err = diag_fail(diag, -ENOMEM, "sign", "no memory");
	}
	crypto_wipe(secret, sizeof(secret));
	if (err) {
		free(*public_text);
		free(*secret_text);
	}
	return err;
}

static int sign_secret(const char *text, uint8_t secret[SIGN_SECRET_BYTES], struct visor_diag *diag)
{
	const char *at = text, *end = text + strlen(text), *line;
	size_t len;

	if (!sign_line(&at, end, &line, &len) || !sign_begins(line, len, UNTRUSTED) ||
	    !sign_line(&at, end, &line, &len) ||
	    !base64_decode(line, len, secret, SIGN_SECRET_BYTES) || memcmp(secret, "Ed", 2) != 0)
		return diag_fail(diag, -EINVAL, "sign", "not a secret key as minisign makes them");
	if (secret[2] || secret[3]) {
		diag_fail(diag, -EOPNOTSUPP, "sign", "the secret key has a password");
		diag_hint(diag, "sign with `minisign -S`, or take the password off: "
				"`minisign -C -W`");
		return -EOPNOTSUPP;
	}
	return 0;
}

int sign_make(const char *secret_text, const void *data, size_t size, const char *comment,
	      char **out, struct visor_diag *diag)
{
	uint8_t secret[SIGN_SECRET_BYTES], sig[SIGN_SIG_BYTES] = "ED", global[SIGN_SIG];
	const uint8_t *seed = secret + SIGN_SECRET_ID + SIGN_ID;
	uint8_t hash[CRYPTO_HASH], both[SIGN_SIG + SIGN_MAX_COMMENT];
	char trusted[sizeof(TRUSTED) + SIGN_MAX_COMMENT];
	size_t comment_len = strlen(comment);
	bool good;
	int err;

	*out = NULL;
	if (comment_len > SIGN_MAX_COMMENT || strpbrk(comment, "\r\n"))
		return diag_fail(diag, -EINVAL, "sign",
				 "a trusted comment is one line of at most %d bytes",
				 SIGN_MAX_COMMENT);
	err = crypto_need(diag);
	if (!err)
		err = sign_secret(secret_text, secret, diag);
	if (err)
		return err;
	memcpy(sig + 2, secret + SIGN_SECRET_ID, SIGN_ID);
	good = crypto_hash(data, size, hash) &&
	       crypto_sign(seed, hash, sizeof(hash), sig + 2 + SIGN_ID);
	if (good) {
		memcpy(both, sig + 2 + SIGN_ID, SIGN_SIG);
		memcpy(both + SIGN_SIG, comment, comment_len);
		good = crypto_sign(seed, both, SIGN_SIG + comment_len, global);
	}
	crypto_wipe(secret, sizeof(secret));
	if (!good)
		return sign_failed(diag);
	snprintf(trusted, sizeof(trusted), TRUSTED "%s", comment);
	if (sign_append(out, UNTRUSTED "signature of a visor module", sig, sizeof(sig)) ||
	    sign_append(out, trusted, global, sizeof(global))) {
		free(*out);
		return diag_fail(diag, -ENOMEM, "sign", "no memory");
	}
	return 0;
}
