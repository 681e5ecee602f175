/* SPDX-License-Identifier: BSD-2-Clause */
/* What debuggers and profilers are told of native code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <elf.h>
#include <unistd.h>

#include "../../vm.h"
#include "vm/debug.h"

/* As GDB's manual has it. */
struct entry {
	struct entry *next, *prev;
	const uint8_t *object;
	uint64_t size;
};
extern struct {
	uint32_t version, action;
	struct entry *relevant, *first;
} __jit_debug_descriptor;

static const char *func(void *user, uint32_t subprog)
{
	return subprog ? "second one" : NULL;
}

static bool line(void *user, uint32_t insn, const char **file, uint32_t *number)
{
	*file = insn < 3 ? "first.c" : "second.c";
	*number = 100 + insn;
	return insn != 1;
}

static const struct vm_source source = {func, line, NULL};

static struct vm_prog *make(void)
{
	struct test_prog t = {.way = TEST_NATIVE, .source = &source, .name = "a.b"};

	return test_prog(&t, "r6 = r1\n call sub\n exit\n sub:\n r0 = 5\n exit");
}

static unsigned entries(void)
{
	unsigned n = 0;

	for (struct entry *e = __jit_debug_descriptor.first; e; e = e->next) {
		assert_ptr_equal(e->prev ? e->prev->next : __jit_debug_descriptor.first, e);
		n++;
	}
	return n;
}

static const Elf64_Shdr *section(const struct entry *e, uint32_t i)
{
	const Elf64_Ehdr *head = (const void *)e->object;
	const Elf64_Shdr *s = (const void *)(e->object + head->e_shoff);

	assert_in_range(i, 0, head->e_shnum - 1);
	assert_true(head->e_shoff + head->e_shnum * sizeof(*s) <= e->size);
	assert_true(s[i].sh_type == SHT_NOBITS || s[i].sh_offset + s[i].sh_size <= e->size);
	return &s[i];
}

static const Elf64_Shdr *section_named(const struct entry *e, const char *name)
{
	const Elf64_Ehdr *head = (const void *)e->object;
	const Elf64_Shdr *names = section(e, head->e_shstrndx), *s;

	for (uint32_t i = 0; i < head->e_shnum; i++) {
		s = section(e, i);
		assert_true(s->sh_name < names->sh_size);
		if (!strcmp((const char *)e->object + names->sh_offset + s->sh_name, name))
			return s;
	}
	fail_msg("no section %s", name);
	return NULL;
}

static void object(void **state)
{
	unsigned before = entries();
	struct vm_prog *prog = make(), *other = make();
	const struct vm_native *native = vm_prog_native(other);
	const struct entry *e = __jit_debug_descriptor.first;
	const Elf64_Shdr *text, *names, *s;
	const Elf64_Sym *sym;

	assert_non_null(native);
	assert_int_equal(__jit_debug_descriptor.version, 1);
	assert_int_equal(entries(), before + 2);
	assert_memory_equal(e->object, ELFMAG, SELFMAG);
	text = section_named(e, ".text");
	assert_int_equal(text->sh_addr, (uintptr_t)native->mem);
	assert_int_equal(text->sh_size, native->size);
	s = section_named(e, ".symtab");
	names = section_named(e, ".strtab");
	sym = (const void *)(e->object + s->sh_offset);
	assert_int_equal(s->sh_size / sizeof(*sym), 3);
	assert_string_equal(e->object + names->sh_offset + sym[1].st_name, "visor_a_b_main");
	assert_string_equal(e->object + names->sh_offset + sym[2].st_name, "visor_a_b_second_one");
	assert_int_equal(sym[2].st_value, (uintptr_t)native->mem + native->entry[1]);
	assert_int_equal(sym[2].st_size, native->size - native->entry[1]);
	s = section_named(e, ".debug_line");
	assert_non_null(
		memmem(e->object + s->sh_offset, s->sh_size, "first.c\0\0\0\0second.c", 19));
	section_named(e, ".debug_info");
	section_named(e, ".debug_frame");
	/* Gone with the program, in any order. */
	vm_prog_unref(prog);
	assert_int_equal(entries(), before + 1);
	vm_prog_unref(other);
	assert_int_equal(entries(), before);
}

static void perf_map(void **state)
{
	char path[64], text[256] = "", want[256];
	struct vm_prog *prog;
	FILE *f;

	snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)getpid());
	unlink(path);
	vm_prog_unref(make());
	assert_int_equal(access(path, F_OK), -1);
	setenv("VISOR_PERF_MAP", "1", 1);
	prog = make();
	f = fopen(path, "r");
	assert_non_null(f);
	assert_in_range(fread(text, 1, sizeof(text) - 1, f), 1, sizeof(text) - 1);
	fclose(f);
	unlink(path);
	snprintf(want, sizeof(want), "%lx %x visor_a_b_main\n",
		 (unsigned long)(uintptr_t)vm_prog_native(prog)->mem,
		 vm_prog_native(prog)->entry[1]);
	assert_memory_equal(text, want, strlen(want));
	vm_prog_unref(prog);
	/* What somebody else put there is not written to. */
	assert_int_equal(symlink("/dev/null", path), 0);
	prog = make();
	unlink(path);
	vm_prog_unref(prog);
	unsetenv("VISOR_PERF_MAP");
}

/* ---- perf's jitdump ---------------------------------------------------------------------------
 */

static uint64_t number(const uint8_t *at, uint32_t size)
{
	uint64_t v = 0;

	memcpy(&v, at, size);
	return v;
}

/* The record of the dump behind `at`, or NULL at its end. */
static const uint8_t *record(const uint8_t *at, const uint8_t *end, uint32_t id)
{
	if (at == end)
		return NULL;
	assert_in_range(end - at, 16, 1 << 16);
	assert_int_equal(number(at, 4), id);
	assert_in_range(number(at + 4, 4), 16, end - at);
	return at + number(at + 4, 4);
}

/* Lines of a function, then the function. Returns what follows. */
static const uint8_t *function(const uint8_t *at, const uint8_t *end, const struct vm_native *n,
			       uint32_t i, const char *name)
{
	uint32_t from = n->entry[i], to = i + 1 < n->n_funcs ? n->entry[i + 1] : n->size;
	const uint8_t *next = record(at, end, 2), *entry = at + 32;
	uint64_t begin = (uintptr_t)n->mem + from;

	assert_int_equal(number(at + 16, 8), begin);
	for (uint64_t k = number(at + 24, 8); k--;) {
		const char *file = (const char *)entry + 16;

		assert_in_range(number(entry, 8), begin, (uintptr_t)n->mem + to - 1);
		assert_string_equal(file, number(entry + 8, 4) < 103 ? "first.c" : "second.c");
		entry += 16 + strlen(file) + 1;
		assert_true(entry <= next);
	}
	assert_ptr_equal(entry, next);
	at = next;
	next = record(at, end, 0);
	assert_int_equal(number(at + 16, 4), getpid());
	assert_int_equal(number(at + 24, 8), begin);
	assert_int_equal(number(at + 32, 8), begin);
	assert_int_equal(number(at + 40, 8), to - from);
	assert_string_equal((const char *)at + 56, name);
	at += 56 + strlen(name) + 1;
	assert_int_equal(next - at, to - from);
	assert_memory_equal(at, n->mem + from, to - from);
	return next;
}

static void perf_dump(void **state)
{
	static uint8_t dump[1 << 16];
	const uint8_t *at = dump + 40, *end;
	struct vm_prog *prog, *other;
	char path[64], map[64];
	size_t size;
	FILE *f;

	snprintf(path, sizeof(path), "/tmp/jit-%d.dump", (int)getpid());
	snprintf(map, sizeof(map), "/tmp/perf-%d.map", (int)getpid());
	setenv("VISOR_PERF_MAP", "dump", 1);
	prog = make();
	other = make();
	f = fopen(path, "r");
	unlink(path);
	unlink(map);
	unsetenv("VISOR_PERF_MAP");
	assert_non_null(f);
	size = fread(dump, 1, sizeof(dump), f);
	fclose(f);
	assert_in_range(size, 41, sizeof(dump) - 1);
	end = dump + size;
	assert_int_equal(number(dump, 4), 0x4a695444);
	assert_int_equal(number(dump + 4, 4), 1);
	assert_int_equal(number(dump + 8, 4), 40);
	assert_int_equal(number(dump + 20, 4), getpid());
	for (int i = 0; i < 2; i++) {
		const struct vm_native *n = vm_prog_native(i ? other : prog);

		at = function(at, end, n, 0, "visor_a_b_main");
		at = function(at, end, n, 1, "visor_a_b_second_one");
	}
	assert_ptr_equal(at, end);
	vm_prog_unref(prog);
	vm_prog_unref(other);
	/* perf knows it by this. */
	f = fopen("/proc/self/maps", "r");
	assert_non_null(f);
	size = fread(dump, 1, sizeof(dump) - 1, f);
	fclose(f);
	dump[size] = '\0';
	snprintf(map, sizeof(map), "%s", path);
	assert_non_null(strstr((const char *)dump, map));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(object),
		cmocka_unit_test(perf_map),
		cmocka_unit_test(perf_dump),
	};

	if (!jit_native()) {
		fprintf(stderr, "skipped: there is no compiler for this machine\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
