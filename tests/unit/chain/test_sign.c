/* SPDX-License-Identifier: BSD-2-Clause */
/* Signatures: made and checked, by minisign too, damaged in every place, keys that are none. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "chain/sign.h"

/* Made by minisign 0.11 over "hi\n": hashed, and in the legacy format. */
static const char their_key[] = "untrusted comment: minisign public key 5431BD19B726FD8F\n"
				"RWSP/Sa3Gb0xVJxUHzWr1dhNDcMpVvt9JfVdhw3qiIx4ltnT3OjQaADo\n";
static const char their_hashed[] = "untrusted comment: signature from minisign secret key\n"
				   "RUSP/Sa3Gb0xVNykLyi6QBlRLktZCDoBTKbiXKt/S67VOu51s6zZ94Bdzi/"
				   "6ECQdjRFUPL2dPfgYQtboRlji26YoK6ydIEXAkww=\n"
				   "trusted comment: trusted words\n"
				   "da2WeRfdBQW4FEUljWCcXgbOimW/"
				   "U77i1FEl2xA9U2RVPUivnroATl7dkGkC9cNMHz6h9kg74IgtPZIqxYA4Dw==\n";
static const char their_legacy[] = "untrusted comment: signature from minisign secret key\n"
				   "RWSP/Sa3Gb0xVK8pCgwQ+obddVmz8J69xfEHA6NrkSZ5MFiGvf99Fx/"
				   "6Xc29j6mprWCvxLZyByEys9MV2Ds9C+Ve9PvQnVGyfg8=\n"
				   "trusted comment: timestamp:1795612757\tfile:f\n"
				   "aHvtXYSc7FpNxbPOwEbEVTwrIcZmpAx3kUFEFwqaM3yolz25O6qK8PqCMpP3KuD"
				   "aoNS9+XztsgzG3rVKMVE1Dw==\n";

static struct sign_result check(const char *data, const char *text, size_t len,
				const struct sign_key *keys, uint32_t n)
{
	/* Copies of the exact size: a sanitizer sees what is read behind them. */
	char *copy = malloc(len + !len);
	struct sign_result r;

	memcpy(copy, text, len);
	sign_check(data, strlen(data), copy, len, keys, n, &r);
	free(copy);
	return r;
}

static void takes_minisign(void **state)
{
	const char *const texts[] = {their_hashed, their_legacy};
	struct sign_key keys[2] = {0};
	struct sign_result r;

	assert_int_equal(sign_key_parse(their_key, &keys[1], NULL), 0);
	/* The key alone, as in a chain file. */
	assert_int_equal(sign_key_parse(strchr(their_key, '\n') + 1, &keys[1], NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		r = check("hi\n", texts[i], strlen(texts[i]), keys, 2);
		assert_int_equal(r.state, SIGN_GOOD);
		assert_string_equal(r.key, "5431BD19B726FD8F");
		assert_string_equal(r.comment,
				    i ? "timestamp:1795612757\tfile:f" : "trusted words");
		r = check("ho\n", texts[i], strlen(texts[i]), keys, 2);
		assert_int_equal(r.state, SIGN_BAD);
		assert_string_equal(r.why, "the object is not what was signed");
		r = check("hi\n", texts[i], strlen(texts[i]), keys, 1);
		assert_int_equal(r.state, SIGN_UNKNOWN);
		assert_string_equal(r.key, "5431BD19B726FD8F");
	}
	/* One kind is not taken for the other. */
	char *other = strdup(their_hashed);

	memcpy(strchr(other, '\n') + 1, "RW", 2);
	r = check("hi\n", other, strlen(other), keys, 2);
	assert_int_equal(r.state, SIGN_BAD);
	free(other);
}

static void makes_and_checks(void **state)
{
	char *public_text, *secret, *text, id[17];
	struct sign_key key;
	struct sign_result r;
	struct visor_diag d;

	assert_int_equal(sign_keygen(&public_text, &secret, id, &d), 0);
	assert_int_equal(sign_key_parse(public_text, &key, &d), 0);
	assert_int_equal(sign_make(secret, "data", 4, "words", &text, &d), 0);
	r = check("data", text, strlen(text), &key, 1);
	assert_int_equal(r.state, SIGN_GOOD);
	assert_string_equal(r.key, id);
	assert_string_equal(r.comment, "words");
	free(text);
	assert_int_equal(sign_make(secret, "data", 4, "two\nlines", &text, &d), -EINVAL);
	assert_int_equal(sign_make(public_text, "data", 4, "", &text, &d), -EINVAL);
	/* As if it had a password. */
	memcpy(strchr(secret, '\n') + 1 + 2, "RT", 2);
	assert_int_equal(sign_make(secret, "data", 4, "", &text, &d), -EOPNOTSUPP);
	free(public_text);
	free(secret);
}

/* Whatever is changed: only what nothing vouches for may change, the untrusted comment. */
static void refuses_damage(void **state)
{
	static const char values[] = "\0\r\n =+/AzB9";
	size_t len = strlen(their_hashed), first = strcspn(their_hashed, "\n");
	struct sign_key key;
	char *text = malloc(len + 2);
	uint32_t good = 0;

	assert_int_equal(sign_key_parse(their_key, &key, NULL), 0);
	for (size_t i = 0; i < len; i++)
		for (size_t k = 0; k < sizeof(values); k++) {
			memcpy(text, their_hashed, len + 1);
			if (text[i] == values[k])
				continue;
			text[i] = values[k];
			if (check("hi\n", text, len, &key, 1).state != SIGN_GOOD)
				continue;
			good++;
			/* The end of a last line may be one of another system. */
			if (i >= first && !(i == len - 1 && values[k] == '\r'))
				fail_msg("'%c' at %zu is taken", values[k], i);
		}
	assert_true(good > 0);
	for (size_t cut = 0; cut < len - 1; cut++)
		assert_int_not_equal(check("hi\n", their_hashed, cut, &key, 1).state, SIGN_GOOD);
	memcpy(text, their_hashed, len);
	text[len] = 'x';
	assert_int_not_equal(check("hi\n", text, len + 1, &key, 1).state, SIGN_GOOD);
	free(text);
}

static void refuses_keys(void **state)
{
	static const char *const bad[] = {
		"",
		"\n",
		"untrusted comment: x",
		"untrusted comment: x\n",
		"RWSP/Sa3Gb0xVJxUHzWr1dhNDcMpVvt9JfVdhw3qiIx4ltnT3OjQaAD",
		"RWSP/Sa3Gb0xVJxUHzWr1dhNDcMpVvt9JfVdhw3qiIx4ltnT3OjQaADo=",
		"RXSP/Sa3Gb0xVJxUHzWr1dhNDcMpVvt9JfVdhw3qiIx4ltnT3OjQaADo",
		"RWSP_Sa3Gb0xVJxUHzWr1dhNDcMpVvt9JfVdhw3qiIx4ltnT3OjQaADo",
	};
	struct sign_key key;
	struct visor_diag d;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(sign_key_parse(bad[i], &key, &d), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_minisign),
		cmocka_unit_test(makes_and_checks),
		cmocka_unit_test(refuses_damage),
		cmocka_unit_test(refuses_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
