/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm/helper_text.c - helpers that make, read and compare text.
 *
 * Formats are the kernel's subset of printf for BPF programs:
 *
 *   %[0+- ]*[width]  c | s | [l[l]]{d i u x X} | p[x K s S B i4 I4 i6 I6] | %
 *
 * A bad format gives -EINVAL before any output. The arguments of one call may take up 512
 * bytes, text copied for %s included; what does not fit is cut off, or gives -ENOSPC where
 * not even the start fits. Strings are read so that a bad address gives empty text.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/uio.h>
#include <unistd.h>

#include "vm/helper.h"
#include "vm/prog.h"

#define MAX_ARGS       12   /* of snprintf and trace_vprintk */
#define MAX_ARGS_BYTES 512  /* all arguments of a format together */
#define MAX_TRACE      1024 /* text of one trace_printk, NUL included */
#define MAX_FORMAT     4096 /* its format, NUL included */

/* The kernel's classes of characters: Latin-1, whatever the locale. */
static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r') || (uint8_t)c == 0xa0;
}

static bool is_alnum(char c)
{
	uint8_t u = (uint8_t)c;

	return (u >= '0' && u <= '9') || ((u | 0x20) >= 'a' && (u | 0x20) <= 'z') ||
	       (u >= 0xc0 && u != 0xd7 && u != 0xf7);
}

static bool is_control(char c)
{
	return ((uint8_t)c < ' ' && !is_space(c)) || c == 0x7f;
}

static bool is_punct(char c)
{
	uint8_t u = (uint8_t)c;

	return !is_space(c) && !is_alnum(c) && !is_control(c) && (u < 0x80 || u > 0xa0);
}

enum text_kind { TEXT_NUMBER, TEXT_CHAR, TEXT_STRING, TEXT_POINTER, TEXT_ADDRESS };

/* One conversion. */
struct text_spec {
	enum text_kind kind;
	bool left, plus, space, zero;
	int width;
	char letter; /* d i u x X c s; pointers: what follows the p, 0 if nothing */
	bool is_long;
	bool is_v6;
	bool plain; /* neither padded nor counted beyond the buffer; letters behind it vanish */
};

/* Output as of snprintf: len counts what would have been written. */
struct text_out {
	char *buf;
	size_t size, len;
};

static void out_char(struct text_out *out, char c)
{
	if (out->len < out->size)
		out->buf[out->len] = c;
	out->len++;
}

/* Text with its sign or nothing in front, padded to the width. */
static void out_field(struct text_out *out, const struct text_spec *spec, char sign,
		      const char *text, size_t len, bool zero)
{
	int pad = spec->width - (int)len - (sign != 0);

	if (!spec->left && !zero)
		while (pad-- > 0)
			out_char(out, ' ');
	if (sign)
		out_char(out, sign);
	if (!spec->left && zero)
		while (pad-- > 0)
			out_char(out, '0');
	for (size_t i = 0; i < len; i++)
		out_char(out, text[i]);
	while (spec->left && pad-- > 0)
		out_char(out, ' ');
}

static void out_number(struct text_out *out, const struct text_spec *spec, uint64_t value)
{
	static const char lower[] = "0123456789abcdef", upper[] = "0123456789ABCDEF";
	const char *digits = spec->letter == 'X' ? upper : lower;
	unsigned int base = spec->letter == 'x' || spec->letter == 'X' ? 16 : 10;
	bool is_signed = spec->letter == 'd' || spec->letter == 'i';
	char text[24], *p = text + sizeof(text), sign = 0;

	if (!spec->is_long)
		value = is_signed ? (uint64_t)(int32_t)value : (uint32_t)value;
	if (is_signed && (int64_t)value < 0) {
		sign = '-';
		value = -value;
	} else if (is_signed) {
		sign = spec->plus ? '+' : spec->space ? ' ' : 0;
	}
	do
		*--p = digits[value % base];
	while (value /= base);
	out_field(out, spec, sign, p, text + sizeof(text) - p, spec->zero);
}

/* %p and its kin except Internet addresses: there are no symbols, so %ps is a number. */
static void out_pointer(struct text_out *out, const struct text_spec *spec, uint64_t value)
{
	struct text_spec hex = *spec;
	char text[24];

	if (spec->letter == 's' || spec->letter == 'S') {
		int len = snprintf(text, sizeof(text), "0x%llx", (unsigned long long)value);

		out_field(out, spec, 0, text, len, false);
		return;
	}
	/* NULL and error codes are no addresses to hide. */
	if (spec->letter != 'x' && value && value < (uint64_t)-4095)
		value = helper_hash_pointer(value);
	hex.letter = 'x';
	hex.is_long = true;
	if (!hex.width) {
		hex.width = 16;
		hex.zero = true;
	}
	out_number(out, &hex, value);
}

/* %pI4 %pi4 %pI6 %pi6 */
static size_t address_text(const struct text_spec *spec, const uint8_t *bytes, char *text,
			   size_t size)
{
	size_t len = 0;

	for (int i = 0; !spec->is_v6 && i < 4; i++)
		len += snprintf(text + len, size - len, spec->letter == 'i' ? "%s%03u" : "%s%u",
				i ? "." : "", bytes[i]);
	for (int i = 0; spec->is_v6 && i < 16; i += 2)
		len += snprintf(text + len, size - len, "%s%02x%02x",
				i && spec->letter == 'I' ? ":" : "", bytes[i], bytes[i + 1]);
	return len;
}

static void out_text(struct text_out *out, const struct text_spec *spec, const char *text,
		     size_t len)
{
	if (!spec->plain)
		out_field(out, spec, 0, text, len, false);
	else
		for (size_t i = 0; i < len && out->len < out->size; i++)
			out_char(out, text[i]);
}

/* ---- reading what programs point to ---------------------------------------------------- */

/* Copies from an address that nobody has proven; false if it is not all readable. A checked
 * program gets only what it may read itself. */
static bool read_bytes(struct visor_run *run, uint64_t addr, void *to, size_t size)
{
	struct iovec here = {to, size}, there = {PTR(addr), size};

	if (run->prog && run->mode == VM_CHECKED) {
		void *at;
		uint64_t value;

		if (!check_access(run, addr, size, CHECK_READ, &at, &value) || !at)
			return false;
		memcpy(to, at, size);
		return true;
	}
	return process_vm_readv(getpid(), &here, 1, &there, 1, 0) == (ssize_t)size;
}

/* Text up to its NUL or size - 1 bytes. Returns the bytes stored, the NUL included. */
static size_t read_text(struct visor_run *run, uint64_t addr, char *to, size_t size)
{
	size_t len = 0;

	while (len + 1 < size) {
		/* A fault elsewhere in the block must not hide text before it. */
		size_t block = MIN(size - 1 - len, 32 - (addr + len) % 32), end;

		if (!read_bytes(run, addr + len, to + len, block)) {
			block = 1;
			if (!read_bytes(run, addr + len, to + len, 1)) {
				len = 0; /* as if there were no text */
				break;
			}
		}
		end = strnlen(to + len, block);
		len += end;
		if (end < block)
			break;
	}
	to[len] = '\0';
	return len + 1;
}

/* ---- formats ----------------------------------------------------------------------------- */

static bool ends_pointer(char c)
{
	return !c || is_space(c) || is_punct(c);
}

static const char *parse_pointer(const char *p, struct text_spec *spec)
{
	spec->kind = TEXT_POINTER;
	spec->letter = 0;
	spec->is_long = true;
	if (ends_pointer(*p))
		return p;
	if ((*p == 'k' || *p == 'u') && p[1] == 's') {
		spec->kind = TEXT_STRING;
		spec->plain = true;
		return ends_pointer(p[2]) ? p + 2 : NULL;
	}
	spec->letter = *p;
	if (*p == 'K' || *p == 'x' || *p == 's' || *p == 'S' || *p == 'B')
		return p + 1;
	if ((*p != 'i' && *p != 'I') || (p[1] != '4' && p[1] != '6'))
		return NULL;
	spec->kind = TEXT_ADDRESS;
	spec->plain = true;
	spec->is_v6 = p[1] == '6';
	return p + 2;
}

/* p is behind the '%'. Returns the end of the conversion, or NULL if it is bad. */
static const char *parse_spec(const char *p, struct text_spec *spec)
{
	memset(spec, 0, sizeof(*spec));
	for (; *p == '0' || *p == '+' || *p == '-' || *p == ' '; p++) {
		spec->zero |= *p == '0';
		spec->plus |= *p == '+';
		spec->left |= *p == '-';
		spec->space |= *p == ' ';
	}
	for (; *p >= '0' && *p <= '9'; p++)
		if (spec->width < MAX_TRACE) /* wider is never seen */
			spec->width = spec->width * 10 + (*p - '0');
	if (*p == 'p')
		return parse_pointer(p + 1, spec);
	spec->letter = *p;
	if (*p == 's') {
		spec->kind = TEXT_STRING;
		return ends_pointer(p[1]) ? p + 1 : NULL;
	}
	if (*p == 'c') {
		spec->kind = TEXT_CHAR;
		return p + 1;
	}
	spec->kind = TEXT_NUMBER;
	for (int i = 0; i < 2 && *p == 'l'; i++, p++)
		spec->is_long = true;
	spec->letter = *p;
	return *p && strchr("idxXu", *p) ? p + 1 : NULL;
}

/* Checks fmt against the number of arguments. */
static int check_format(const char *fmt, size_t size, uint32_t n_args)
{
	size_t len = strnlen(fmt, size);
	uint32_t used = 0;

	if (len == size)
		return -EINVAL;
	for (const char *p = fmt; *p; p++) {
		struct text_spec spec;

		if (is_control(*p))
			return -EINVAL;
		if (*p != '%')
			continue;
		if (p[1] == '%') {
			p++;
			continue;
		}
		if (used++ >= n_args)
			return -EINVAL;
		p = parse_spec(p + 1, &spec);
		if (!p)
			return -EINVAL;
		p--;
	}
	return 0;
}

/* Room for one argument of so many bytes; false: -ENOSPC. */
static bool take_room(size_t *used, size_t size, size_t align)
{
	*used = ALIGN_UP(*used, align);
	if (MAX_ARGS_BYTES - *used < size)
		return false;
	*used += size;
	return true;
}

/* One conversion; `used` counts the bytes that all arguments take. */
static int format_one(struct visor_run *run, struct text_out *out, const struct text_spec *spec,
		      uint64_t arg, size_t *used)
{
	char text[MAX_ARGS_BYTES];
	uint8_t bytes[16] = {0};
	size_t len;

	switch (spec->kind) {
	case TEXT_NUMBER:
	case TEXT_POINTER:
		if (!take_room(used, spec->is_long ? 8 : 4, 4))
			return -ENOSPC;
		(spec->kind == TEXT_NUMBER ? out_number : out_pointer)(out, spec, arg);
		return 0;
	case TEXT_CHAR:
		if (!take_room(used, 1, 1))
			return -ENOSPC;
		text[0] = (char)arg;
		out_field(out, spec, 0, text, 1, false);
		return 0;
	case TEXT_STRING:
		if (*used >= MAX_ARGS_BYTES)
			return -ENOSPC;
		len = read_text(run, arg, text, MAX_ARGS_BYTES - *used);
		*used += len;
		out_text(out, spec, text, len - 1);
		return 0;
	case TEXT_ADDRESS:
		len = spec->is_v6 ? 16 : 4;
		if (MAX_ARGS_BYTES - *used < len)
			return -ENOSPC;
		if (!read_bytes(run, arg, bytes, len))
			memset(bytes, 0, sizeof(bytes));
		len = address_text(spec, bytes, text, sizeof(text));
		*used = MIN(*used + len + 1, MAX_ARGS_BYTES);
		out_text(out, spec, text, len);
		return 0;
	}
	return -EINVAL;
}

/* Returns the length of the whole text, also if it was cut off, or a negative errno. */
static long write_text(struct visor_run *run, char *buf, size_t size, const char *fmt,
		       const uint64_t *args)
{
	struct text_out out = {buf, size, 0};
	size_t used = 0;
	int err;

	for (const char *p = fmt; *p; p++) {
		struct text_spec spec;

		if (*p != '%' || p[1] == '%') {
			p += *p == '%';
			out_char(&out, *p);
			continue;
		}
		p = parse_spec(p + 1, &spec);
		err = format_one(run, &out, &spec, *args++, &used);
		if (err)
			return err;
		if (spec.kind == TEXT_POINTER || spec.plain)
			while (is_alnum(*p))
				p++;
		p--;
	}
	if (size)
		buf[MIN(out.len, size - 1)] = '\0';
	return (long)out.len;
}

/* The same, but leaves buf alone on an error. */
static long format_text(struct visor_run *run, char *buf, size_t size, const char *fmt,
			const uint64_t *args)
{
	long len = write_text(run, NULL, 0, fmt, args);

	return len < 0 ? len : write_text(run, buf, size, fmt, args);
}

/* ---- the helpers --------------------------------------------------------------------------- */

static uint64_t trace(struct visor_run *run, const char *fmt, uint64_t fmt_size,
		      const uint64_t *args, uint32_t n_args)
{
	const struct vm_host *host = run->prog ? run->prog->host : NULL;
	char text[MAX_TRACE], copy[MAX_FORMAT];
	size_t end = strnlen(fmt, MIN(fmt_size, sizeof(copy)));
	long len;

	if (end == sizeof(copy))
		return -E2BIG;
	/* A map value may change while it is read: what is checked must be what is used. */
	memcpy(copy, fmt, end);
	copy[end] = '\0';
	len = end < fmt_size ? check_format(copy, end + 1, n_args) : -EINVAL;
	if (!len)
		len = format_text(run, text, sizeof(text), copy, args);
	if (len < 0)
		return len;
	end = strlen(text);
	if (end && text[end - 1] == '\n')
		text[end - 1] = '\0';
	if (host && host->trace)
		host->trace(host->user, text);
	else
		fprintf(stderr, "%s\n", text);
	return len;
}

HELPER_BODY(trace_printk)
{
	const uint64_t args[] = {a3, a4, a5};

	return trace(run, PTR(a1), (uint32_t)a2, args, ARRAY_SIZE(args));
}

static bool bad_args(uint64_t args, uint32_t size)
{
	return size % 8 || size > MAX_ARGS * 8 || (size && !args);
}

HELPER_BODY(trace_vprintk)
{
	uint64_t args[MAX_ARGS];

	if (bad_args(a3, a4))
		return -EINVAL;
	if ((uint32_t)a4)
		memcpy(args, PTR(a3), (uint32_t)a4);
	return trace(run, PTR(a1), (uint32_t)a2, args, (uint32_t)a4 / 8);
}

HELPER_BODY(snprintf)
{
	uint64_t args[MAX_ARGS];
	long len;

	if (bad_args(a4, a5))
		return -EINVAL;
	if ((uint32_t)a5)
		memcpy(args, PTR(a4), (uint32_t)a5);
	len = check_format(PTR(a3), UINT32_MAX, (uint32_t)a5 / 8);
	if (!len)
		len = format_text(run, PTR(a1), (uint32_t)a2, PTR(a3), args);
	return len < 0 ? len : len + 1;
}

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
}

/* The number at the start of text. Returns the bytes it takes, or a negative errno. */
static int64_t parse_number(const char *text, size_t size, uint64_t flags, uint64_t *value,
			    bool *negative)
{
	enum { LONGEST = 63 }; /* bytes of digits that are looked at */
	uint64_t base = flags, start, i = 0, end;

	if (base != 0 && base != 8 && base != 10 && base != 16)
		return -EINVAL;
	while (i < size && is_space(text[i]))
		i++;
	*negative = i < size && text[i] == '-';
	i += *negative;
	end = MIN(size, i + LONGEST);
	/* Missing bytes read as NUL. */
#define AT(n) ((n) < end ? text[n] : '\0')
	if (AT(i) == '0' && (AT(i + 1) | 0x20) == 'x' &&
	    (base == 16 || (base == 0 && digit_of(AT(i + 2)) < 16))) {
		base = 16;
		i += 2;
	} else if (base == 0) {
		base = AT(i) == '0' ? 8 : 10;
	}
	*value = 0;
	for (start = i; digit_of(AT(i)) < (int)base; i++)
		if (__builtin_mul_overflow(*value, base, value) ||
		    __builtin_add_overflow(*value, (uint64_t)digit_of(AT(i)), value))
			return -ERANGE;
#undef AT
	return i == start ? -EINVAL : (int64_t)i;
}

HELPER_BODY(strtol)
{
	uint64_t value;
	bool negative;
	int64_t len;

	put_u64(PTR(a4), 0);
	len = parse_number(PTR(a1), a2, a3, &value, &negative);
	if (len < 0)
		return len;
	if (value > (uint64_t)INT64_MAX + negative)
		return -ERANGE;
	put_u64(PTR(a4), negative ? -value : value);
	return len;
}

HELPER_BODY(strtoul)
{
	uint64_t value;
	bool negative;
	int64_t len;

	put_u64(PTR(a4), 0);
	len = parse_number(PTR(a1), a2, a3, &value, &negative);
	if (len < 0)
		return len;
	if (negative)
		return -EINVAL;
	put_u64(PTR(a4), value);
	return len;
}

HELPER_BODY(strncmp)
{
	int order = strncmp(PTR(a1), PTR(a3), (uint32_t)a2);

	return (int64_t)((order > 0) - (order < 0));
}
