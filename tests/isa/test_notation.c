/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The disassembler's kernel notation is the kernel's: the same text as the verifier's log for
 * every row of the table, and the same lines as bpftool for programs that are loaded.
 */
#include <stdio.h>
#include <stdlib.h>

#include "catalog/catalog.h"
#include "isa/asm.h"
#include "isa/disasm.h"
#include "kernel.h"

static int failures, compared;

static const char *helper_name(void *user, uint32_t id)
{
	return id ? catalog_helper_name(id) : "unspec";
}

static void expect(const char *what, const char *ours, const char *theirs)
{
	compared++;
	if (strcmp(ours, theirs)) {
		fprintf(stderr, "%s: '%s', the kernel has '%s'\n", what, ours, theirs);
		failures++;
	}
}

/* ---- the verifier's log -------------------------------------------------------------- */

/* The log's text for instruction i, with its "(b7) "; false if it was not printed. */
static bool log_text(const char *log, int i, char *text, size_t size)
{
	char number[16];
	const char *line;

	snprintf(number, sizeof(number), "%d: ", i);
	for (line = log; line; line = strchr(line, '\n')) {
		const char *p, *end;

		line += *line == '\n';
		p = line + strspn(line, " ");
		if (strncmp(p, number, strlen(number)))
			continue;
		p = strchr(p, '(');
		end = p ? p + strcspn(p, ";\n") : NULL;
		if (!p || end - p < 5 || p[3] != ')')
			continue;
		while (end[-1] == ' ')
			end--;
		snprintf(text, size, "%.*s", (int)(end - p), p);
		return true;
	}
	return false;
}

#define AT 4 /* where the instruction stands in the program around it */

/* Both branches of a condition on a number that is not known lead past the instruction, so that
 * nothing is unreachable wherever it jumps. */
static uint32_t embed(const struct bpf_insn *insn, struct bpf_insn out[20])
{
	uint32_t n = 0;

	out[n++] = (struct bpf_insn){.code = BPF_LDX | BPF_MEM | BPF_W, .src_reg = 1};
	out[n++] =
		(struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 6, .src_reg = 1};
	out[n++] = (struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 2};
	out[n++] = (struct bpf_insn){
		.code = BPF_JMP | BPF_JEQ | BPF_K, .off = (int16_t)isa_slots(insn), .imm = 9};
	memcpy(&out[n], insn, (size_t)isa_slots(insn) * sizeof(*insn));
	n += (uint32_t)isa_slots(insn);
	while (n < 18)
		out[n++] = (struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_K};
	out[n++] = (struct bpf_insn){.code = BPF_JMP | BPF_EXIT};
	return n;
}

/* False if the kernel did not print it, as it refused the program for its structure. */
static bool compare_row(int id, int32_t value)
{
	static const struct isa_disasm_opts opts = {.helper = helper_name};
	const struct isa_desc *desc = &isa_table[id];
	struct bpf_insn insn[2] = {{.code = desc->opcode}}, prog[20];
	char ours[ISA_TEXT_MAX + 8], theirs[ISA_TEXT_MAX];
	static char log[1 << 16];
	uint32_t n;
	int64_t delta;
	long fd;

	if (desc->operands & ISA_DST)
		insn->dst_reg = 1 + (uint8_t)(value & 1);
	if (desc->operands & ISA_SRC)
		insn->src_reg = 6 + (uint8_t)(value & 1);
	if (desc->operands & ISA_OFF)
		insn->off = (int16_t)value;
	if (desc->operands & ISA_IMM)
		insn->imm = value;
	if (desc->selector == ISA_SRC)
		insn->src_reg = (uint8_t)desc->sel & 15;
	if (desc->selector == ISA_OFF)
		insn->off = (int16_t)desc->sel;
	if (desc->selector == ISA_IMM)
		insn->imm = desc->sel;
	insn[1].imm = isa_slots(insn) == 2 ? (int32_t)((uint32_t)value * 3) : 0;
	if (isa_jump(insn, &delta) && (delta < -3 || delta > 12))
		return false;
	n = embed(insn, prog);
	fd = kernel_load(prog, n, log, sizeof(log));
	if (fd >= 0)
		close((int)fd);
	snprintf(ours, sizeof(ours), "(%02x) ", desc->opcode);
	isa_disasm(prog, n, AT, &opts, ours + 5, sizeof(ours) - 5);
	if (!log_text(log, AT, theirs, sizeof(theirs)))
		return false;
	expect(desc->name, ours, theirs);
	return true;
}

static void compare_log(void)
{
	static const int32_t values[] = {0, 1, 7, 12, -3, 100, -1, 32767, INT32_MAX, INT32_MIN};

	for (int id = 0; id < ISA_COUNT; id++) {
		int printed = 0;

		/* The log shows addresses of kernel objects, or the kernel has no such thing. */
		if ((isa_table[id].form == ISA_FORM_LD_IMM64 && id != ISA_LD_IMM64) ||
		    id == ISA_CALL_REG || id == ISA_CALL_KFUNC || id == ISA_CALL_LOCAL)
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(values); i++)
			printed += compare_row(id, values[i]);
		if (!printed)
			printf("this kernel does not print %s\n", isa_table[id].name);
	}
}

/* ---- bpftool ------------------------------------------------------------------------- */

/* Cuts names out of a call: "call name#5" and "call pc+5#name" depend on kallsyms. */
static void strip_names(char *line)
{
	char *call = strstr(line, ") call "), *hash;

	if (!call || !(hash = strchr(call, '#')))
		return;
	call += strlen(") call ");
	if (!strncmp(call, "pc", 2))
		*hash = '\0';
	else
		memmove(call, hash, strlen(hash) + 1);
}

/* Reads all of a command's output; the caller frees it. NULL if it failed. */
static char *output(const char *command)
{
	FILE *f = popen(command, "r"), *m;
	char *text = NULL, buf[4096];
	size_t size, n;

	if (!f)
		return NULL;
	m = open_memstream(&text, &size);
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		fwrite(buf, 1, n, m);
	fclose(m);
	if (pclose(f)) {
		free(text);
		return NULL;
	}
	return text;
}

/* Compares line by line; signatures of functions are not instructions. */
static void compare_lines(const char *what, char *ours, char *theirs)
{
	char *a, *b, *save_a, *save_b;

	a = strtok_r(ours, "\n", &save_a);
	b = strtok_r(theirs, "\n", &save_b);
	while (a && b) {
		strip_names(a);
		strip_names(b);
		expect(what, a, b);
		a = strtok_r(NULL, "\n", &save_a);
		b = strtok_r(NULL, "\n", &save_b);
	}
	expect(what, a ? a : "(end)", b ? b : "(end)");
}

/* The texts of bpftool's JSON, one a line. */
static char *json_texts(char *json)
{
	char *out = json, *p = json;

	while ((p = strstr(p, "\"disasm\":\"")) != NULL) {
		p += strlen("\"disasm\":\"");
		while (*p && *p != '"')
			*out++ = *p++;
		*out++ = '\n';
	}
	*out = '\0';
	return json;
}

static char *dump(const struct bpf_insn *insns, uint32_t n, uint32_t flags)
{
	struct isa_disasm_opts opts = {.flags = flags | ISA_DUMP_MAP_IDS};
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (isa_dump(f, insns, n, &opts))
		abort();
	fclose(f);
	return text;
}

static void compare_dumps(int fd)
{
	static struct bpf_insn insns[4096];
	struct bpf_prog_info info = {.xlated_prog_insns = (uintptr_t)insns,
				     .xlated_prog_len = sizeof(insns)};
	union bpf_attr attr = {.info = {.bpf_fd = (uint32_t)fd,
					.info_len = sizeof(info),
					.info = (uintptr_t)&info}};
	static const struct {
		const char *format;
		uint32_t flags;
	} ways[] = {
		{"bpftool prog dump xlated id %u", ISA_DUMP_NUMBERS | ISA_DUMP_OPCODES},
		{"bpftool prog dump xlated id %u opcodes",
		 ISA_DUMP_NUMBERS | ISA_DUMP_OPCODES | ISA_DUMP_BYTES},
		{"bpftool -j prog dump xlated id %u", ISA_DUMP_OPCODES},
	};
	uint32_t n;

	if (kernel_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr)) {
		perror("object info");
		failures++;
		return;
	}
	n = info.xlated_prog_len / sizeof(*insns);
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		char command[128], *ours, *theirs;

		snprintf(command, sizeof(command), ways[i].format, info.id);
		theirs = output(command);
		if (!theirs) {
			fprintf(stderr, "%s failed\n", command);
			failures++;
			continue;
		}
		if (strstr(command, " -j "))
			json_texts(theirs);
		ours = dump(insns, n, ways[i].flags);
		compare_lines(command, ours, theirs);
		free(ours);
		free(theirs);
	}
}

/* What bpftool 7.1 knows; the newer instructions are compared with the log above. */
static const char *const program[] = {
	"r6 = r1",
	"r7 = *(u32 *)(r6 +0)",
	"r8 = *(u32 *)(r6 +4)",
	"r9 = 7",
	/* arithmetic */
	"r7 += r8",
	"r7 += -5",
	"w7 += w8",
	"w7 += 2147483647",
	"r7 -= r8",
	"r7 -= 1",
	"w7 -= w8",
	"w7 -= 1",
	"r7 *= r8",
	"r7 *= 3",
	"w7 *= w8",
	"w7 *= 3",
	"r7 /= r8",
	"r7 /= 10",
	"w7 /= w8",
	"w7 /= 10",
	"r7 %= r8",
	"r7 %= 10",
	"w7 %= w8",
	"w7 %= 10",
	"r7 |= r8",
	"r7 |= 255",
	"w7 |= w8",
	"w7 |= 255",
	"r7 &= r8",
	"r7 &= 4095",
	"w7 &= w8",
	"w7 &= 4095",
	"r7 ^= r8",
	"r7 ^= -1",
	"w7 ^= w8",
	"w7 ^= -1",
	"r7 <<= r9",
	"r7 <<= 3",
	"w7 <<= w9",
	"w7 <<= 3",
	"r7 >>= r9",
	"r7 >>= 3",
	"w7 >>= w9",
	"w7 >>= 3",
	"r7 s>>= r9",
	"r7 s>>= 3",
	"w7 s>>= w9",
	"w7 s>>= 3",
	"r7 = -r7",
	"w7 = -w7",
	"w7 = w8",
	"w7 = 2",
	"(b7) r7 = -2",
	"(18) r7 = 0x5",
	"r7 = 0x8877665544332211",
	"r7 = le16 r7",
	"r7 = le32 r7",
	"r7 = le64 r7",
	"r7 = be16 r7",
	"r7 = be32 r7",
	"r7 = be64 r7",
	/* memory */
	"*(u64 *)(r10 -8) = r7",
	"*(u32 *)(r10 -8) = r7",
	"*(u16 *)(r10 -8) = r7",
	"*(u8 *)(r10 -8) = r7",
	"*(u64 *)(r10 -16) = 5",
	"*(u32 *)(r10 -16) = -5",
	"*(u16 *)(r10 -16) = 5",
	"*(u8 *)(r10 -16) = 5",
	"r7 = *(u64 *)(r10 -8)",
	"r7 = *(u32 *)(r10 -8)",
	"r7 = *(u16 *)(r10 -8)",
	"r7 = *(u8 *)(r10 -8)",
	/* atomics */
	"r7 = 1",
	"lock *(u64 *)(r10 -8) += r7",
	"lock *(u32 *)(r10 -8) += r7",
	"lock *(u64 *)(r10 -8) |= r7",
	"lock *(u32 *)(r10 -8) &= r7",
	"lock *(u64 *)(r10 -8) ^= r7",
	"r7 = atomic64_fetch_add((u64 *)(r10 -8), r7)",
	"r7 = atomic_fetch_or((u32 *)(r10 -8), r7)",
	"r7 = atomic64_fetch_and((u64 *)(r10 -8), r7)",
	"r7 = atomic_fetch_xor((u32 *)(r10 -8), r7)",
	"r7 = atomic64_xchg((u64 *)(r10 -8), r7)",
	"r7 = atomic_xchg((u32 *)(r10 -8), r7)",
	"r0 = 1",
	"r0 = atomic64_cmpxchg((u64 *)(r10 -8), r0, r7)",
	"r0 = atomic_cmpxchg((u32 *)(r10 -8), r0, r7)",
	/* packet */
	"r0 = *(u8 *)skb[12]",
	"r0 = *(u16 *)skb[-4096]",
	"r0 = *(u32 *)skb[r9 + 6]",
	/* jumps */
	"if r7 == r8 goto end",
	"if r7 == 0x6 goto end",
	"if w7 == w8 goto end",
	"if w7 == 0xffffffff goto end",
	"if r7 != r8 goto end",
	"if r7 > 5 goto end",
	"if w7 >= w8 goto end",
	"if r7 < 100 goto end",
	"if w7 <= 7 goto end",
	"if r7 s> -5 goto end",
	"if w7 s>= w8 goto end",
	"if r7 s< 5 goto end",
	"if w7 s<= -1 goto end",
	"if r7 & r8 goto end",
	"if r7 & 0x8 goto end",
	"goto pc+0",
	/* maps, helpers, functions */
	"*(u32 *)(r10 -4) = 0",
	"r1 = map[hash]",
	"r2 = r10",
	"r2 += -4",
	"call bpf_map_lookup_elem",
	"r1 = map[array][0]+4",
	"r0 = *(u32 *)(r1 +0)",
	"call bpf_get_prandom_u32",
	"r1 = map[hash]",
	"(18) r2 = subprog[callback]",
	"(b7) r3 = 0",
	"(b7) r4 = 0",
	"call bpf_for_each_map_elem",
	"r1 = r7",
	"call twice",
	"end:",
	"r0 = 0",
	"exit",
	"twice:",
	"r0 = r1",
	"r0 += r1",
	"exit",
	"callback:",
	"r0 = 0",
	"exit",
};

static struct {
	const char *name;
	uint32_t type;
	long fd;
} maps[] = {{"hash", BPF_MAP_TYPE_HASH, -1}, {"array", BPF_MAP_TYPE_ARRAY, -1}};

static int map_fd(void *user, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(maps); i++)
		if (!strcmp(name, maps[i].name))
			return (int)maps[i].fd;
	return -1;
}

static int helper_id(void *user, const char *name)
{
	return catalog_helper_id(name);
}

static void compare_bpftool(void)
{
	static const struct isa_asm_opts opts = {.helper = helper_id, .map = map_fd};
	struct visor_diag diag = {0};
	static char log[1 << 20];
	struct bpf_insn *insns;
	char *text = NULL;
	uint32_t n;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	long fd;

	for (size_t i = 0; i < ARRAY_SIZE(program); i++)
		fprintf(f, "%s\n", program[i]);
	fclose(f);
	for (size_t i = 0; i < ARRAY_SIZE(maps); i++) {
		union bpf_attr attr = {
			.map_type = maps[i].type, .key_size = 4, .value_size = 8, .max_entries = 1};

		maps[i].fd = kernel_bpf(BPF_MAP_CREATE, &attr);
	}
	if (isa_assemble(text, size, &opts, &insns, &n, &diag)) {
		visor_diag_print(&diag, stderr);
		exit(1);
	}
	fd = kernel_load(insns, n, log, sizeof(log));
	if (fd < 0) {
		fprintf(stderr, "the program does not load: %s\n%s", strerror((int)-fd), log);
		failures++;
	} else {
		compare_dumps((int)fd);
		close((int)fd);
	}
	free(insns);
	free(text);
}

int main(void)
{
	if (!kernel_usable()) {
		fprintf(stderr, "skipped: programs cannot be loaded into this kernel\n");
		return 77;
	}
	compare_log();
	if (system("bpftool version >/dev/null 2>&1"))
		fprintf(stderr, "no bpftool: compared with the verifier's log only\n");
	else
		compare_bpftool();
	printf("%d texts compared, %d differ\n", compared, failures);
	return failures || compared < 1000;
}
