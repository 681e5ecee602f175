/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs, and what the compiler has to make of them: each optimisation has a case that shows the
 * code that it makes and one that shows where it must not fire.
 *
 * A file *.s holds cases. What is indented, or a label, is the program; other lines say what it
 * needs and what is expected:
 *   === NAME                       a case begins
 *   type NAME                      program type; default sched_cls
 *   structure                      only its structure is verified
 *   map TYPE KEY VALUE ENTRIES [constant]
 *                                  a map, map[idx:0] and so on; constant: its bytes are 1, 2, ...,
 *                                  nobody can change them, and everybody knows
 *   target SLOT                    this slot of map 0, a program array, has a program: r0 = 42
 *   override ID                    the embedder has a helper of its own for this id: r0 = 0
 *   run [FIELD=N ...] [BYTE[*N] ...] [-> RESULT]
 *                                  a run with these fields of the context and bytes of the packet
 *   STAGE has|lacks|N PATTERN      in the text after that stage, lines with the pattern: some,
 * none, so many. `x86-64` and `arm64` are the last stages for these machines. Patterns have whole
 * words; `*` stands for anything. Lines of a loop begin with `@1`, of one in a loop with `@2`,
 * others with
 *                                  `@0`; functions of the engine have names (symbols[])
 *   slots yes|no                   tail calls through slots that are known are done in place (x86-64)
 *   clears yes|no                  the stack is cleared first
 *   hidden NUMBER ...              these are in the code, but not if the program's numbers are kept
 *                                  out of it: then code is different each time, and what is expected
 *                                  after STAGE is expected of such code
 *   # ...                          is a remark
 * Besides, all programs do the same interpreted and as native code, alone and in a batch, in the runs
 * given and in some more.
 *
 * usage: run DIRECTORY; VISOR_JIT_CASE=NAME prints the stages of that case.
 */
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "isa/asm.h"
#include "jit/target.h"
#include "vm/vm.h"

#define MAX_MAPS   4
#define MAX_RUNS   24
#define MAX_CHECKS 24
#define MAX_PACKET 1536
#define MAX_HIDDEN 16

struct input {
	uint32_t mark, priority;
	uint64_t tstamp;
	uint32_t len;
	bool has_result;
	uint64_t result;
	uint8_t bytes[MAX_PACKET];
};

struct check {
	char stage[16], pattern[120];
	int count; /* -1: some */
};

/* All strings are cut: what does not fit makes a case fail. */
struct test_case {
	char name[120];
	const struct prog_type *type;
	bool structure;
	uint32_t n_maps, n_runs, n_checks, n_hidden, override;
	uint64_t hidden[MAX_HIDDEN];
	int target, slots, clears; /* -1: not said */
	struct {
		struct map_attr attr;
		bool constant;
	} maps[MAX_MAPS];
	struct input runs[MAX_RUNS];
	struct check checks[MAX_CHECKS];
	char text[16384];
};

static unsigned failures, cases;
static const char *file;

static void failed(const struct test_case *c, const char *what, const char *detail)
{
	printf("FAIL %s: %s: %s%s\n", file, c->name, what, detail);
	failures++;
}

static void bad_file(const struct test_case *c, const char *line)
{
	fprintf(stderr, "%s: %s: cannot read: %s\n", file, c->name, line);
	exit(1);
}

/* ---- reading ------------------------------------------------------------------------------------
 */

static void read_run(struct test_case *c, char *args)
{
	struct input *in = &c->runs[c->n_runs++];
	bool result = false;

	if (c->n_runs > MAX_RUNS / 2)
		bad_file(c, args);
	for (char *word = strtok(args, " "); word; word = strtok(NULL, " ")) {
		char *end, *equals = strchr(word, '=');
		uint64_t n = strtoull(equals ? equals + 1 : word, &end, equals || result ? 0 : 16);

		if (!strcmp(word, "->")) {
			result = in->has_result = true;
			continue;
		}
		if (result) {
			in->result = n;
		} else if (!strncmp(word, "mark=", 5)) {
			in->mark = (uint32_t)n;
		} else if (!strncmp(word, "priority=", 9)) {
			in->priority = (uint32_t)n;
		} else if (!strncmp(word, "tstamp=", 7)) {
			in->tstamp = n;
		} else {
			unsigned long times = 1;

			if (*end == '*')
				times = strtoul(end + 1, &end, 10);
			if (equals || n > 255 || in->len + times > MAX_PACKET)
				bad_file(c, word);
			memset(in->bytes + in->len, (int)n, times);
			in->len += (uint32_t)times;
		}
		if (*end)
			bad_file(c, word);
	}
}

static void read_map(struct test_case *c, const char *args)
{
	static const struct {
		const char *name;
		uint32_t type, flags;
	} types[] = {{"array", BPF_MAP_TYPE_ARRAY, 0},
		     {"percpu", BPF_MAP_TYPE_PERCPU_ARRAY, 0},
		     {"hash", BPF_MAP_TYPE_HASH, BPF_F_NO_PREALLOC},
		     {"progs", BPF_MAP_TYPE_PROG_ARRAY, 0}};
	struct map_attr *a = &c->maps[c->n_maps].attr;
	char type[16] = "", more[16] = "";

	if (c->n_maps == MAX_MAPS || sscanf(args, "%15s %u %u %u %15s", type, &a->key_size,
					    &a->value_size, &a->max_entries, more) < 4)
		bad_file(c, args);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (!strcmp(type, types[i].name)) {
			a->type = types[i].type;
			a->flags = types[i].flags;
		}
	if (!a->type)
		bad_file(c, args);
	if (!strcmp(more, "constant")) {
		c->maps[c->n_maps].constant = true;
		a->flags |= BPF_F_RDONLY_PROG;
	} else if (*more) {
		bad_file(c, args);
	}
	c->n_maps++;
}

static bool is_stage(const char *name)
{
	const char *stage;

	for (uint32_t i = 0; (stage = jit_stage_name(i)); i++)
		if (!strcmp(stage, name) && jit_stage_name(i + 1))
			return true;
	return !strcmp(name, "x86-64") || !strcmp(name, "arm64");
}

/* In a pattern `engine NAME` is written as the dump has it, with a number. */
static const char *const symbols[JIT_SYMBOLS] = {
	[JIT_PACKET_LOAD] = "packet_load",
	[JIT_HELPER_BY_ID] = "helper_by_id",
	[JIT_COPY] = "copy",
	[JIT_SUM1] = "sum1",
	[JIT_SUM2] = "sum2",
	[JIT_SUM4] = "sum4",
	[JIT_SKIP_EQUAL] = "skip_equal",
	[JIT_SKIP_EQUAL_TEXT] = "skip_equal_text",
	[JIT_SKIP_OTHER] = "skip_other",
};

static void read_pattern(struct test_case *c, struct check *k, const char *text)
{
	const char *name = strstr(text, "engine ");

	snprintf(k->pattern, sizeof(k->pattern), "* %s *", text);
	if (!name || name[7] == '*')
		return;
	for (unsigned i = 0; i < JIT_SYMBOLS; i++)
		if (symbols[i] && !strcmp(name + 7, symbols[i])) {
			snprintf(k->pattern, sizeof(k->pattern), "* %.*s%u *",
				 (int)(name + 7 - text), text, i);
			return;
		}
	bad_file(c, text);
}

static void read_check(struct test_case *c, const char *stage, const char *args)
{
	struct check *k = &c->checks[c->n_checks++];
	char how[16];
	int at = 0;

	if (c->n_checks > MAX_CHECKS || !is_stage(stage) || sscanf(args, "%15s %n", how, &at) < 1 ||
	    !args[at])
		bad_file(c, args);
	snprintf(k->stage, sizeof(k->stage), "%s", stage);
	read_pattern(c, k, args + at);
	k->count = !strcmp(how, "has") ? -1 : !strcmp(how, "lacks") ? 0 : atoi(how);
	if (!k->count && strcmp(how, "lacks"))
		bad_file(c, args);
}

static void read_hidden(struct test_case *c, char *args)
{
	for (char *word = strtok(args, " "); word; word = strtok(NULL, " ")) {
		if (c->n_hidden == MAX_HIDDEN)
			bad_file(c, word);
		c->hidden[c->n_hidden++] = strtoull(word, NULL, 0);
	}
}

static void read_line(struct test_case *c, char *line)
{
	char *word = line, *args;

	if (*line == '\t' || *line == ' ' || (*line && line[strlen(line) - 1] == ':')) {
		size_t len = strlen(c->text);

		if (len + strlen(line) + 2 > sizeof(c->text))
			bad_file(c, "too long");
		sprintf(c->text + len, "%s\n", line);
		return;
	}
	if (!*line || *line == '#')
		return;
	args = line + strcspn(line, " ");
	if (*args)
		*args++ = '\0';
	if (!strcmp(word, "type"))
		c->type = catalog_prog_known_by_name(args);
	else if (!strcmp(word, "structure"))
		c->structure = true;
	else if (!strcmp(word, "map"))
		read_map(c, args);
	else if (!strcmp(word, "target"))
		c->target = atoi(args);
	else if (!strcmp(word, "override"))
		c->override = (uint32_t)atoi(args);
	else if (!strcmp(word, "run"))
		read_run(c, args);
	else if (!strcmp(word, "hidden"))
		read_hidden(c, args);
	else if (!strcmp(word, "slots"))
		c->slots = !strcmp(args, "yes");
	else if (!strcmp(word, "clears"))
		c->clears = !strcmp(args, "yes");
	else
		read_check(c, word, args);
}

/* ---- the program and its maps
 * --------------------------------------------------------------------- */

struct world {
	struct map *maps[MAX_MAPS];
	struct verify_map descs[MAX_MAPS];
	const struct verified *code;
	struct vm_prog *prog, *target;
};

static struct vm_prog *target_by_id(void *user, uint32_t id)
{
	struct world *w = user;

	return w->target ? vm_prog_ref(w->target) : NULL;
}

static uint64_t override_body(uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5,
			      struct visor_run *run)
{
	return 0;
}

/* The helper that a case replaces. */
static struct helper override_desc;

static vm_helper_fn override_find(void *user, const struct prog_type *type, uint32_t id,
				  const struct helper **desc)
{
	if (!override_desc.name || id != override_desc.id)
		return NULL;
	*desc = &override_desc;
	return override_body;
}

static void make_maps(const struct test_case *c, struct world *w)
{
	for (uint32_t i = 0; i < c->n_maps; i++) {
		struct map_attr attr = c->maps[i].attr;
		struct visor_diag diag = {0};

		if (map_new(&attr, 1 + i, memfd_create("jit", MFD_CLOEXEC), &w->maps[i], &diag)) {
			failed(c, "map", diag.text);
			exit(1);
		}
		if (c->maps[i].constant) {
			uint8_t value[256];
			uint32_t key = 0;

			for (uint32_t k = 0; k < sizeof(value); k++)
				value[k] = (uint8_t)(k + 1);
			if (attr.value_size > sizeof(value) ||
			    map_user_update(w->maps[i], &key, value, BPF_ANY) ||
			    map_freeze(w->maps[i]) || map_snapshot(w->maps[i]))
				exit(1);
			w->descs[i].frozen = true;
			w->descs[i].contents = map_direct_value(w->maps[i], 0);
			w->descs[i].contents_size = attr.value_size;
		}
		w->descs[i].desc = w->maps[i]->desc;
	}
}

static int helper_id(void *user, const char *name)
{
	return catalog_helper_id(name);
}

static bool make_prog(const struct test_case *c, struct world *w, const char *text,
		      enum vm_exec exec, const struct vm_host *host, struct vm_prog **out)
{
	struct isa_asm_opts opts = {.helper = helper_id};
	struct bpf_insn *insns = NULL;
	struct verify_image image = {
		.type = c->type,
		.maps = w->descs,
		.n_maps = c->n_maps,
		.gpl = true,
		.cap_sys_admin = true,
		.structure_only = c->structure,
		.engine = true,
	};
	struct vm_prog_attr attr = {
		.maps = w->maps,
		.host = host,
		.mode = VM_UNCHECKED,
		.blind = c->n_hidden > 0,
		.exec = exec,
		.id = 7,
		.name = "jit",
	};
	struct visor_diag diag = {0};
	int err = isa_assemble(text, strlen(text), &opts, &insns, &image.n_insns, &diag);

	image.insns = insns;
	if (!err)
		err = verify_image(&image, &attr.code, &diag);
	if (!err)
		err = vm_prog_new(&attr, out, &diag);
	free(insns);
	if (attr.code && out == &w->prog)
		w->code = attr.code;
	else
		verified_unref(attr.code);
	if (err) {
		failed(c, diag.place, "");
		printf("  %s\n", diag.text);
	}
	return !err;
}

static void world_free(const struct test_case *c, struct world *w)
{
	if (c->target >= 0)
		vm_map_forget(w->maps[0]);
	vm_prog_unref(w->prog);
	vm_prog_unref(w->target);
	verified_unref(w->code);
	for (uint32_t i = 0; i < c->n_maps; i++)
		map_unref(w->maps[i]);
}

static bool world_make(const struct test_case *c, struct world *w, enum vm_exec exec,
		       struct vm_host *host)
{
	memset(w, 0, sizeof(*w));
	*host = (struct vm_host){.prog_by_id = target_by_id, .helper = override_find, .user = w};
	make_maps(c, w);
	if (c->target >= 0) {
		uint32_t slot = (uint32_t)c->target, id = 7;

		if (!make_prog(c, w, "r0 = 42\nexit\n", exec, host, &w->target) ||
		    map_user_update(w->maps[0], &slot, &id, BPF_ANY))
			return false;
	}
	return make_prog(c, w, c->text, exec, host, &w->prog);
}

/* ---- running
 * ---------------------------------------------------------------------------------------- */

struct outcome {
	uint64_t ret;
	uint32_t mark, priority;
	uint8_t bytes[MAX_PACKET];
	uint8_t values[MAX_MAPS][256];
};

static void run_one(const struct test_case *c, struct world *w, const struct input *in, bool batch,
		    struct outcome *out)
{
	static _Alignas(64) struct visor_run run;
	struct visor_packet pkt;
	void *ctx = &pkt;

	memset(out, 0, sizeof(*out));
	memcpy(out->bytes, in->bytes, sizeof(out->bytes));
	visor_packet_init(&pkt, out->bytes, in->len, 0, in->len);
	pkt.mark = in->mark;
	pkt.priority = in->priority;
	pkt.tstamp = in->tstamp;
	vm_run_init(&run);
	vm_enter(&run);
	if (batch ? vm_prog_run_batch(w->prog, &run, &ctx, 1, &out->ret) != 1
		  : vm_prog_run(w->prog, &run, &pkt, 0, &out->ret))
		failed(c, "run", run.fault.text);
	vm_leave(&run);
	out->mark = pkt.mark;
	out->priority = pkt.priority;
	for (uint32_t i = 0; i < c->n_maps; i++) {
		const void *value = map_direct_value(w->maps[i], 0);

		if (value)
			memcpy(out->values[i], value,
			       MIN(sizeof(out->values[i]), (size_t)w->maps[i]->desc.value_size));
	}
}

/* Inputs that nobody thought of: edges of number ranges, packets alike and not. */
static void more_runs(struct test_case *c)
{
	static const uint32_t numbers[] = {0,	     UINT32_MAX, 1,	     INT32_MAX,
					   1u << 31, 0x00ff8001, 0x12345678, 7};

	for (uint32_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		struct input *in = &c->runs[c->n_runs++];

		in->mark = numbers[i];
		in->priority = numbers[(i * 3 + 1) % ARRAY_SIZE(numbers)];
		in->tstamp = (uint64_t)numbers[(i + 3) % ARRAY_SIZE(numbers)] << 32 | numbers[i];
		in->len = (uint32_t[]){0, 14, 64, 65, 200, 512, 1024, 1536}[i];
		for (uint32_t k = 0; k < in->len; k++)
			in->bytes[k] = (uint8_t)(i % 3 == 0   ? 'a'
						 : i % 3 == 1 ? k * 37
							      : (k & 63) + 1);
	}
}

static void check_runs(struct test_case *c, struct world *plain, struct world *native, bool batch)
{
	static struct outcome a, b;

	for (uint32_t i = 0; i < c->n_runs; i++) {
		const struct input *in = &c->runs[i];
		char text[160];

		run_one(c, plain, in, false, &a);
		if (in->has_result && a.ret != in->result) {
			snprintf(text, sizeof(text), "%lld, expected %lld", (long long)a.ret,
				 (long long)in->result);
			failed(c, "interpreted run: ", text);
		}
		if (!native)
			continue;
		run_one(c, native, in, batch, &b);
		if (!memcmp(&a, &b, sizeof(a)))
			continue;
		snprintf(text, sizeof(text),
			 "run %u: mark %u, priority %u, tstamp %llu, %u bytes: %lld, interpreted "
			 "%lld",
			 i, in->mark, in->priority, (unsigned long long)in->tstamp, in->len,
			 (long long)b.ret, (long long)a.ret);
		failed(c, batch ? "a batch of native code differs: " : "native code differs: ", text);
	}
}

/* In worlds of their own, as programs change them. */
static void check_ways(struct test_case *c)
{
	struct vm_host hosts[2];
	struct world plain, native;

	for (int batch = 0; batch < (jit_native() ? 2 : 1); batch++) {
		bool made = world_make(c, &plain, VM_EXEC_INTERPRETED, &hosts[0]);

		if (made && !jit_native()) {
			check_runs(c, &plain, NULL, false);
		} else if (made) {
			if (world_make(c, &native, VM_EXEC_NATIVE, &hosts[1]))
				check_runs(c, &plain, &native, batch);
			world_free(c, &native);
		}
		world_free(c, &plain);
	}
}

/* ---- compiling
 * --------------------------------------------------------------------------------------- */

struct compile {
	struct world *w;
	bool blind;
	bool in_place; /* a tail call */
	char *text;
	size_t size; /* of the text */
	uint8_t *code;
	uint32_t code_size;
};

/* Addresses that are only there to be looked at. */
static const uint8_t place[8];

static void *compile_helper(void *user, uint32_t id, const struct helper **desc)
{
	*desc = override_desc.name && override_desc.id == id ? &override_desc : catalog_helper(id);
	return id == BPF_FUNC_tail_call ? NULL : (void *)(uintptr_t)place;
}

static bool compile_tail(void *user, uint32_t map, uint32_t index, const void **slot,
			 const void **cached)
{
	struct compile *k = user;

	if (index >= k->w->maps[map]->desc.max_entries)
		return false;
	k->in_place = true;
	*slot = *cached = place;
	return true;
}

static bool compile(const struct test_case *c, struct compile *k, const struct jit_target *target,
		    const struct verified *code)
{
	struct jit_env env = {
		.run_cpu = 8, .run_stopped = 16, .run_tail_calls = 24, .may_goto = 1000};
	struct jit_program p = {
		.code = code,
		.maps = k->w->maps,
		.env = &env,
		.helper = compile_helper,
		.tail = compile_tail,
		.user = k,
		.target = target,
		.features =
			target == &jit_x86 ? JIT_BMI2 | JIT_MOVBE | JIT_BMI1 | JIT_AVX2 : JIT_LSE,
		.stages = "all",
		.blind = k->blind,
	};
	struct visor_diag diag = {0};
	struct jit_code out;
	int err;

	for (uint32_t i = 0; i < JIT_SYMBOLS; i++)
		env.symbol[i] = place;
	p.dump = open_memstream(&k->text, &k->size);
	if (!p.dump)
		exit(1);
	err = jit_compile(&p, &out, &diag);
	fclose(p.dump);
	k->code_size = err ? 0 : out.size;
	if (!err) {
		k->code = malloc(out.size);
		memcpy(k->code, out.bytes, out.size);
		jit_code_done(&out);
	} else {
		failed(c, "compiler: ", diag.text);
	}
	return !err;
}

/* The line with single spaces, one at either end, without the instruction that it comes from,
 * behind the depth of the loops that it is in. */
static void squeeze(const char *line, size_t len, int depth, char *out, size_t size)
{
	size_t n = (size_t)snprintf(out, size, " @%d ", depth);

	for (size_t i = 0; i < len && n + 2 < size; i++) {
		if (line[i] == ';')
			break;
		if (line[i] != ' ' || out[n - 1] != ' ')
			out[n++] = line[i];
	}
	if (out[n - 1] != ' ')
		out[n++] = ' ';
	out[n] = '\0';
}

static void check_text(const struct test_case *c, const struct check *k, const char *text)
{
	bool machine = !strcmp(k->stage, "x86-64") || !strcmp(k->stage, "arm64"), inside = false;
	const char *stage = machine ? "registers" : k->stage;
	char detail[200], line[400];
	int n = 0, depth = 0;

	for (const char *at = text, *end; *at; at = end + 1) {
		end = strchrnul(at, '\n');
		if (!strncmp(at, "function ", 9)) {
			const char *comma = strstr(at, ", ");

			inside = (size_t)(end - comma - 2) == strlen(stage) &&
				 !strncmp(comma + 2, stage, strlen(stage));
			if (!*end)
				break;
			continue;
		}
		if (*at == 'b') {
			const char *in = strstr(at, "depth ");

			depth = in && in < end ? atoi(in + 6) : 0;
		}
		squeeze(at, (size_t)(end - at), depth, line, sizeof(line));
		n += inside && !fnmatch(k->pattern, line, 0);
		if (!*end)
			break;
	}
	if (k->count < 0 ? n > 0 : n == k->count)
		return;
	snprintf(detail, sizeof(detail), "%d lines have \"%.*s\", expected %s%d", n,
		 (int)strlen(k->pattern) - 4, k->pattern + 2, k->count < 0 ? "at least " : "",
		 k->count < 0 ? 1 : k->count);
	snprintf(line, sizeof(line), "after %s: ", k->stage);
	failed(c, line, detail);
}

/* Where the last stage begins, which is another one for each machine. */
static size_t common_text(const char *text)
{
	const char *end = strstr(text, ", registers\n");

	return end ? (size_t)(end - text) : strlen(text);
}

/* The number is in an instruction; on arm64, at least its low half is in two of them. */
static bool code_has(const struct compile *k, const struct jit_target *target, uint64_t v)
{
	uint32_t size = v == (uint32_t)v || v == (uint64_t)(int32_t)v ? 4 : 8, words[2];

	for (uint32_t i = 0; target == &jit_x86 && i + size <= k->code_size; i++)
		if (!memcmp(k->code + i, &v, size))
			return true;
	for (uint32_t i = 0; target != &jit_x86 && i + 8 <= k->code_size; i += 4) {
		memcpy(words, k->code + i, 8);
		if (((words[0] >> 5 & 0xffff) == (v & 0xffff) ||
		     (words[0] >> 5 & 0xffff) == (~v & 0xffff)) && /* of all ones, this is left */
		    (words[1] >> 5 & 0xffff) == (v >> 16 & 0xffff))
			return true;
	}
	return false;
}

static void check_hidden(const struct test_case *c, struct world *w,
			 const struct jit_target *target, const char *last)
{
	struct compile plain = {.w = w}, first = {.w = w, .blind = true}, second = first;
	char text[64];

	if (compile(c, &plain, target, w->code) && compile(c, &first, target, w->code) &&
	    compile(c, &second, target, w->code)) {
		for (uint32_t i = 0; i < c->n_hidden; i++) {
			snprintf(text, sizeof(text), ": %llx", (unsigned long long)c->hidden[i]);
			if (!code_has(&plain, target, c->hidden[i]))
				failed(c, last, strcat(text, " is not there to be hidden"));
			else if (code_has(&first, target, c->hidden[i]))
				failed(c, last, strcat(text, " is in the code"));
		}
		if (first.code_size == second.code_size &&
		    !memcmp(first.code, second.code, first.code_size))
			failed(c, last, ": the same code twice");
	}
	free(plain.text);
	free(plain.code);
	free(first.text);
	free(first.code);
	free(second.text);
	free(second.code);
}

static void check_target(const struct test_case *c, struct world *w,
			 const struct jit_target *target, const char *last, char **common)
{
	struct compile k = {.w = w, .blind = c->n_hidden > 0}, dirty = {.w = w};
	struct verified safe = *w->code;
	const char *print = getenv("VISOR_JIT_CASE");

	if (!compile(c, &k, target, w->code))
		goto out;
	if (print && strstr(c->name, print))
		printf("---- %s, %s\n%s", c->name, last, k.text);
	for (uint32_t i = 0; i < c->n_checks; i++)
		if (!strcmp(c->checks[i].stage, last) ||
		    (target == &jit_x86 && strcmp(c->checks[i].stage, "arm64")))
			check_text(c, &c->checks[i], k.text);
	if (*common && w->code->n_subprogs == 1 && strncmp(*common, k.text, common_text(k.text)))
		failed(c, last, ": another form before the last stage than for another machine");
	if (c->slots >= 0 && target == &jit_x86 && c->slots != k.in_place)
		failed(c, "tail calls: ", k.in_place ? "in place" : "none in place");
	if (c->clears >= 0) {
		/* The same program, if it were known to write first what it reads. */
		safe.reads_unwritten = false;
		safe.level = VERIFY_SAFE;
		if (compile(c, &dirty, target, &safe) &&
		    (dirty.code_size != k.code_size) != c->clears)
			failed(c, last,
			       c->clears ? ": the stack is not cleared" : ": the stack is cleared");
		free(dirty.text);
		free(dirty.code);
	}
	if (c->n_hidden)
		check_hidden(c, w, target, last);
out:
	free(k.code);
	if (*common) {
		free(k.text);
	} else {
		*common = k.text;
	}
}

static void check_case(struct test_case *c)
{
	struct vm_host host;
	struct world plain;
	char *text = NULL;
	unsigned before = failures;

	cases++;
	memset(&override_desc, 0, sizeof(override_desc));
	if (c->override)
		override_desc = *catalog_helper(c->override);
	if (!c->type || !c->text[0] || (!c->n_checks && c->slots < 0 && c->clears < 0))
		bad_file(c, "nothing to check");
	more_runs(c);
	if (world_make(c, &plain, VM_EXEC_INTERPRETED, &host)) {
		check_target(c, &plain, &jit_x86, "x86-64", &text);
		check_target(c, &plain, &jit_arm64, "arm64", &text);
		check_ways(c);
	}
	world_free(c, &plain);
	if (failures != before)
		printf("%s\n", c->text);
	free(text);
}

static void read_file(const char *path)
{
	static struct test_case c;
	FILE *f = fopen(path, "r");
	char line[1024];
	bool begun = false;

	if (!f) {
		perror(path);
		exit(1);
	}
	file = strrchr(path, '/') + 1;
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (!strncmp(line, "=== ", 4)) {
			if (begun)
				check_case(&c);
			memset(&c, 0, sizeof(c));
			begun = true;
			c.target = c.slots = c.clears = -1;
			c.type = catalog_prog(BPF_PROG_TYPE_SCHED_CLS);
			snprintf(c.name, sizeof(c.name), "%.*s", (int)sizeof(c.name) - 1, line + 4);
		} else if (begun) {
			read_line(&c, line);
		}
	}
	fclose(f);
	if (begun)
		check_case(&c);
}

static int is_case_file(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return dot && !strcmp(dot, ".s");
}

int main(int argc, char **argv)
{
	struct dirent **names;
	int n = argc > 1 ? scandir(argv[1], &names, is_case_file, alphasort) : -1;

	if (n < 0) {
		fprintf(stderr, "usage: run DIRECTORY\n");
		return 2;
	}
	for (int i = 0; i < n; i++) {
		char path[1024];

		snprintf(path, sizeof(path), "%s/%s", argv[1], names[i]->d_name);
		read_file(path);
		free(names[i]);
	}
	free(names);
	printf("%u cases, %u failures\n", cases, failures);
	return failures || !cases;
}
