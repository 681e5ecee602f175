/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ranges against the kernel's: random programs of scalar arithmetic and jumps are loaded with the
 * verifier's full log, and every state of a register that it prints is compared with what
 * verify/range.h makes of the same instructions.
 *
 * The log leads: its lines say which instruction comes next, where a path begins and which end
 * early since a similar state was seen. Our own states follow on the same paths, with a stack of
 * the branches that are still to be taken, which has to agree with the kernel's.
 *
 * Programs that make the kernel contradict itself are left out unless asked for: they are equal,
 * too, but it warns of that in its own log.
 *
 *   range_kernel [PROGRAMS [SEED [contradictions]]]
 */
#include <linux/bpf.h>
#include <sys/utsname.h>

#include "../kernel.h"
#include "verify/range.h"

enum {
	FIRST = 6, /* r6 to r9 hold the scalars, which calls keep */
	REGS = 4,
	LOADS = 8, /* where they are loaded */
	MAX_INSNS = 96,
	MAX_PENDING = 64,
	MAX_STEPS = 100000,
	LOG_SIZE = 1 << 20,
};

struct state {
	struct range regs[REGS];
	struct range slots[REGS]; /* of the stack, one for each register */
	bool spilled[REGS];
};

struct pending {
	int from, to;
	struct state state;
};

struct walk {
	const struct bpf_insn *insns;
	struct state now;
	int pc;
	struct pending pending[MAX_PENDING];
	int n_pending;
};

static uint64_t seed;
static unsigned long compared, violations, forks;

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed * UINT64_C(0x2545f4914f6cdd1d) >> 16;
}

static uint32_t pick(uint32_t n)
{
	return (uint32_t)(rnd() % n);
}

/* Values near powers of two, masks, small ones, and any. */
static uint64_t interesting(void)
{
	uint64_t v = UINT64_C(1) << pick(64);

	switch (pick(8)) {
	case 0:
		return v - pick(3);
	case 1:
		return -(v - pick(3));
	case 2:
		return (v - 1) << pick(32);
	case 3:
		return (rnd() << 32 | (rnd() & UINT32_MAX)) >> pick(64);
	case 4:
		return (uint64_t)(int64_t)(int32_t)rnd() >> pick(32);
	case 5:
		return UINT64_C(0x80000000) - 2 + pick(5);
	default:
		return pick(17) - (uint64_t)8;
	}
}

static uint8_t reg(void)
{
	return (uint8_t)(FIRST + pick(REGS));
}

static struct bpf_insn random_jump(void)
{
	static const uint8_t ops[] = {BPF_JEQ, BPF_JNE,	 BPF_JSET, BPF_JGT,  BPF_JGE, BPF_JLT,
				      BPF_JLE, BPF_JSGT, BPF_JSGE, BPF_JSLT, BPF_JSLE};
	uint8_t class = pick(3) ? BPF_JMP : BPF_JMP32, op = ops[pick(ARRAY_SIZE(ops))];
	int16_t off = (int16_t)(1 + pick(4));

	if (pick(2))
		return INSN(class | op | BPF_X, reg(), reg(), off, 0);
	return INSN(class | op | BPF_K, reg(), 0, off, (int32_t)interesting());
}

/* By all but one bit: what is left is -1 or 0, which the kernel follows separately. */
static uint32_t shift_by(uint32_t width)
{
	return pick(4) ? pick(width) : pick(2) ? width - 1 : 32 % width;
}

static struct bpf_insn random_alu(void)
{
	static const uint8_t ops[] = {BPF_ADD, BPF_SUB, BPF_MUL, BPF_AND,  BPF_OR,
				      BPF_XOR, BPF_LSH, BPF_RSH, BPF_ARSH, BPF_ADD,
				      BPF_AND, BPF_SUB, BPF_OR,	 BPF_MUL};
	static const int widths[] = {16, 32, 64};
	uint8_t class = pick(5) < 3 ? BPF_ALU64 : BPF_ALU, op = ops[pick(ARRAY_SIZE(ops))];
	bool shift = op == BPF_LSH || op == BPF_RSH || op == BPF_ARSH;
	uint8_t r = reg();

	switch (pick(16)) {
	case 0:
		return INSN(class | BPF_NEG, r, 0, 0, 0);
	case 1:
		return INSN(BPF_ALU | BPF_END | (pick(2) ? BPF_TO_BE : BPF_TO_LE), r, 0, 0,
			    widths[pick(3)]);
	case 2:
		return INSN(BPF_ALU64 | BPF_END | BPF_TO_LE, r, 0, 0, widths[pick(3)]);
	case 3:
		return INSN(BPF_ALU | BPF_MOV | BPF_X, r, r, 0, 0);
	case 4: /* with sign extension */
		return INSN(class | BPF_MOV | BPF_X, r, r,
			    (int16_t)(8 << pick(class == BPF_ALU64 ? 3 : 2)), 0);
	case 5:
		return INSN(class | BPF_MOV | BPF_K, r, 0, 0, (int32_t)interesting());
	case 6:
		op = pick(2) ? BPF_DIV : BPF_MOD;
		return INSN(class | op | BPF_K, r, 0, (int16_t)pick(2),
			    (int32_t)(interesting() | 1));
	}
	if (pick(2) && (!shift || !pick(4)))
		return INSN(class | op | BPF_X, r, reg(), 0, 0);
	return INSN(class | op | BPF_K, r, 0, 0,
		    shift ? (int32_t)shift_by(class == BPF_ALU64 ? 64 : 32)
			  : (int32_t)interesting());
}

static bool is_jump(const struct bpf_insn *in)
{
	return BPF_CLASS(in->code) == BPF_JMP || BPF_CLASS(in->code) == BPF_JMP32;
}

/* A scalar each in r6 to r9, then instructions at random. */
static int generate(struct bpf_insn *insns, int map)
{
	static const uint8_t sizes[] = {BPF_B, BPF_H, BPF_W, BPF_DW, BPF_DW, BPF_DW};
	const struct bpf_insn lookup[] = {INSN(BPF_ST | BPF_MEM | BPF_W, 10, 0, -4, 0),
					  MOV_REG(2, 10),
					  ADD_IMM(2, -4),
					  LD64(1, BPF_PSEUDO_MAP_FD, map, 0),
					  CALL(BPF_FUNC_map_lookup_elem),
					  JUMP_IMM(BPF_JNE, 0, 0, 1),
					  EXIT()};
	int n = ARRAY_SIZE(lookup), body = 4 + (int)pick(pick(4) ? 12 : 50), end;
	uint32_t calm = body > 16 ? 6 : 3, leave = pick(4);

	memcpy(insns, lookup, sizeof(lookup));
	for (uint8_t i = 0; i < REGS; i++) {
		uint8_t size = sizes[pick(ARRAY_SIZE(sizes))], r = (uint8_t)(FIRST + i);
		uint64_t v = interesting();

		if (!pick(5)) {
			insns[n++] = INSN(BPF_LD | BPF_IMM | BPF_DW, r, 0, 0, (int32_t)v);
			insns[n++] = INSN(0, 0, 0, 0, (int32_t)(v >> 32));
		} else if (size != BPF_DW && !pick(3)) {
			insns[n++] = INSN(BPF_LDX | BPF_MEMSX | size, r, 0, 0, 0);
		} else {
			insns[n++] = LOAD(size, r, 0, 0);
		}
	}
	for (end = n + body; n < end; n++) {
		/* Narrow loads of what was stored. Until the register changes again the kernel
		 * takes it and the slot for one value, which we do not follow. */
		if (n + 2 < end && !pick(12)) {
			uint8_t r = reg(), size = sizes[pick(3)];
			int16_t slot = (int16_t)(-16 - 8 * (r - FIRST));

			insns[n++] = STORE(BPF_DW, 10, slot, r);
			insns[n] = INSN(BPF_LDX | (pick(3) ? BPF_MEM : BPF_MEMSX) | size, r, 10,
					slot, 0);
			insns[++n] =
				INSN(BPF_ALU64 | BPF_XOR | BPF_K, r, 0, 0, (int32_t)interesting());
			continue;
		}
		insns[n] = pick(calm) ? random_alu() : random_jump();
		if (is_jump(&insns[n])) /* to the end, or not beyond it */
			insns[n].off =
				(int16_t)(pick(4) < leave ? end - n : MIN(insns[n].off, end - n));
	}
	insns[n++] = INSN(BPF_ALU64 | BPF_XOR | BPF_X, FIRST, FIRST + 1, 0, 0);
	insns[n++] = MOV_IMM(0, 0);
	insns[n++] = EXIT();
	return n;
}

static void checked(struct range *r)
{
	if (!range_sane(r)) {
		range_unbound(r);
		violations++;
	}
}

static void push(struct walk *w, int from, int to, const struct state *state)
{
	if (w->n_pending < MAX_PENDING)
		w->pending[w->n_pending++] = (struct pending){from, to, *state};
}

static void step_jump(struct walk *w, const struct bpf_insn *in)
{
	bool jmp32 = BPF_CLASS(in->code) == BPF_JMP32, k = BPF_SRC(in->code) == BPF_K;
	struct state other = w->now;
	struct range imm[2], *a = &w->now.regs[in->dst_reg - FIRST], *b = &imm[0];
	struct range *oa = &other.regs[in->dst_reg - FIRST], *ob = &imm[1];
	int taken, next = w->pc + 1;

	range_set_const(&imm[0], (uint64_t)(int64_t)in->imm);
	imm[1] = imm[0];
	if (!k) {
		b = &w->now.regs[in->src_reg - FIRST];
		ob = &other.regs[in->src_reg - FIRST];
	}
	taken = range_branch_taken(BPF_OP(in->code), jmp32, a, b);
	if (taken < 0) {
		range_refine(BPF_OP(in->code), jmp32, false, a, b);
		range_refine(BPF_OP(in->code), jmp32, true, oa, ob);
		checked(oa);
		checked(ob);
		checked(a);
		checked(b);
		push(w, w->pc, next + in->off, &other);
	}
	w->pc = taken == 1 ? next + in->off : next;
}

static void step_load(struct walk *w, const struct bpf_insn *in)
{
	static const int bytes[] = {
		[BPF_B >> 3] = 1, [BPF_H >> 3] = 2, [BPF_W >> 3] = 4, [BPF_DW >> 3] = 8};
	int i = in->dst_reg - FIRST, size = bytes[BPF_SIZE(in->code) >> 3];
	struct range *r = &w->now.regs[i];

	if (in->src_reg == 10 && w->now.spilled[i])
		*r = w->now.slots[i];
	else
		range_set_unknown(r);
	if (BPF_MODE(in->code) == BPF_MEMSX)
		range_sext(r, size, false);
	else
		range_zext(r, size);
	w->pc++;
}

static void step_alu(struct walk *w, const struct bpf_insn *in)
{
	bool alu32 = BPF_CLASS(in->code) == BPF_ALU, x = BPF_SRC(in->code) == BPF_X;
	struct range *d = &w->now.regs[in->dst_reg - FIRST], imm, zero;
	struct range *s = &imm;
	uint8_t op = BPF_OP(in->code);

	range_set_const(&imm, (uint64_t)(int64_t)in->imm);
	if (x && op != BPF_END)
		s = &w->now.regs[in->src_reg - FIRST];
	if (op == BPF_END) {
		range_end(d, !alu32, BPF_SRC(in->code) == BPF_TO_BE, in->imm);
	} else if (op == BPF_MOV && !x) {
		if (alu32)
			range_set_const32(d, (uint32_t)in->imm);
		else
			*d = imm;
	} else if (op == BPF_MOV) {
		if (in->off)
			range_sext(d, in->off / 8, alu32);
		else
			range_zext32(d);
	} else {
		if (range_fork(op, d, s, &zero)) {
			struct state other = w->now;

			other.regs[in->dst_reg - FIRST] = zero;
			push(w, w->pc, w->pc, &other);
			forks++;
		}
		range_alu(op, in->off == 1, alu32, d, s);
	}
	checked(d);
	w->pc++;
}

/* Executes the instruction at pc, if it is about scalars. */
static void step(struct walk *w)
{
	const struct bpf_insn *in = &w->insns[w->pc];

	if (BPF_CLASS(in->code) == BPF_STX) {
		w->now.slots[in->src_reg - FIRST] = w->now.regs[in->src_reg - FIRST];
		w->now.spilled[in->src_reg - FIRST] = true;
	}
	if (in->dst_reg < FIRST || in->dst_reg >= FIRST + REGS) {
		w->pc += in->code == (BPF_LD | BPF_IMM | BPF_DW) ? 2 : 1;
		return;
	}
	switch (BPF_CLASS(in->code)) {
	case BPF_LD:
		range_set_const(&w->now.regs[in->dst_reg - FIRST],
				(uint32_t)in->imm | (uint64_t)(uint32_t)in[1].imm << 32);
		w->pc += 2;
		break;
	case BPF_LDX:
		step_load(w, in);
		break;
	case BPF_ALU:
	case BPF_ALU64:
		step_alu(w, in);
		break;
	default:
		step_jump(w, in);
	}
}

/* All paths, with no log to lead; whether one of them contradicts itself (or there are too many).
 */
static bool contradictory(const struct bpf_insn *insns, int n)
{
	unsigned long before = violations, forked = forks;
	struct walk w = {.insns = insns, .pc = LOADS};

	for (int steps = 0; violations == before; steps++) {
		if (steps == MAX_STEPS)
			return true;
		if (w.pc < n - 2) {
			step(&w);
		} else {
			if (!w.n_pending) {
				forks = forked;
				return false;
			}
			w.n_pending--;
			w.now = w.pending[w.n_pending].state;
			w.pc = w.pending[w.n_pending].to;
		}
	}
	violations = before;
	return true;
}

/* name=name=...=value, or 0 if text does not go on like this. */
static const char *parse_field(const char *text, struct range *r)
{
	static const struct {
		const char *name;
		size_t at, size;
	} fields[] = {
#define FIELD(name, member) {name "=", offsetof(struct range, member), sizeof(r->member)}
		FIELD("smin", smin),	  FIELD("smax", smax),	    FIELD("umin", umin),
		FIELD("umax", umax),	  FIELD("smin32", s32_min), FIELD("smax32", s32_max),
		FIELD("umin32", u32_min), FIELD("umax32", u32_max),
#undef FIELD
	};
	size_t named[ARRAY_SIZE(fields)], n = 0, i;
	uint64_t v;
	char *end;

	do {
		for (i = 0; i < ARRAY_SIZE(fields); i++)
			if (!strncmp(text, fields[i].name, strlen(fields[i].name)))
				break;
		if (i < ARRAY_SIZE(fields)) {
			named[n++] = i;
			text += strlen(fields[i].name);
		}
	} while (i < ARRAY_SIZE(fields) && n < ARRAY_SIZE(fields));
	v = strtoull(text, &end, 0);
	if (!n || end == text)
		return NULL;
	for (i = 0; i < n; i++)
		memcpy((char *)r + fields[named[i]].at, &v, fields[named[i]].size);
	return end;
}

/* What stands after `R6=`: `scalar(...)` or a constant. */
static bool parse_scalar(const char *text, struct range *r)
{
	char *end;
	uint64_t v;

	text += *text == 'P';
	if (strncmp(text, "scalar(", 7)) {
		v = strtoull(text, &end, 0);
		range_set_const(r, v);
		return end != text;
	}
	range_set_unknown(r);
	for (text += 7; *text != ')';) {
		unsigned long long value, mask;
		int len = 0;

		if (!strncmp(text, "id=", 3)) {
			text += strcspn(text, ",)");
		} else if (sscanf(text, "var_off=(%llx; %llx)%n", &value, &mask, &len) == 2 &&
			   len) {
			r->bits = (struct tnum){value, mask};
			text += len;
		} else {
			text = parse_field(text, r);
			if (!text)
				return false;
		}
		text += *text == ',';
	}
	return true;
}

static void print_range(const char *who, const struct range *r)
{
	printf("  %-6s u [%#llx, %#llx] s [%#llx, %#llx] u32 [%#x, %#x] s32 [%#x, %#x] bits "
	       "%#llx/%#llx\n",
	       who, (unsigned long long)r->umin, (unsigned long long)r->umax,
	       (unsigned long long)r->smin, (unsigned long long)r->smax, r->u32_min, r->u32_max,
	       (unsigned)r->s32_min, (unsigned)r->s32_max, (unsigned long long)r->bits.value,
	       (unsigned long long)r->bits.mask);
}

static bool same(const struct range *ours, const struct range *theirs)
{
	if (range_is_const(theirs)) /* its intervals are not printed */
		return range_is_const(ours) && range_const(ours) == range_const(theirs);
	return !memcmp(ours, theirs, sizeof(*ours));
}

/* All `Rn=...` of a line that we follow. */
static bool compare_line(const struct walk *w, const char *text)
{
	bool ok = true;

	for (; (text = strchr(text, 'R')); text++) {
		struct range theirs;
		const struct range *ours;
		int n = text[1] - '0' - FIRST;
		const char *value = text + 2;

		if (n < 0 || n >= REGS)
			continue;
		value += strspn(value, "_wr");
		if (*value++ != '=')
			continue;
		if (!strncmp(value, "map_value", 9) || !strncmp(value, "fp", 2))
			continue;
		ours = &w->now.regs[n];
		if (!parse_scalar(value, &theirs)) {
			printf("not understood: %s\n", value);
			return false;
		}
		compared++;
		if (!same(ours, &theirs)) {
			printf("r%d differs:\n", n + FIRST);
			print_range("ours", ours);
			print_range("kernel", &theirs);
			ok = false;
		}
	}
	return ok;
}

static bool follow_line(struct walk *w, const char *line)
{
	int at, to, len = 0;
	const char *regs;

	if (sscanf(line, "from %d to %d:%n", &at, &to, &len) == 2 && len) {
		if (at == LOADS - 2 && to == LOADS) /* the lookup */
			return true;
		if (!w->n_pending)
			return false;
		w->n_pending--;
		w->now = w->pending[w->n_pending].state;
		w->pc = to;
		return w->pending[w->n_pending].from == at && w->pending[w->n_pending].to == to &&
		       compare_line(w, line + len);
	}
	if (sscanf(line, "%d: (%n", &at, &len) != 1 || !len || line[0] == ' ')
		return true;
	if (at < LOADS) {
		w->pc = at + 1;
		return true;
	}
	if (at != w->pc && at != LOADS)
		return false;
	w->pc = at;
	step(w);
	regs = strstr(line, "; ");
	return !regs || compare_line(w, regs);
}

/* The line that differs, or NULL. */
static const char *follow(struct walk *w, const char *log)
{
	char copy[4096];

	for (const char *line = log, *end; (end = strchr(line, '\n')); line = end + 1) {
		snprintf(copy, sizeof(copy), "%.*s", (int)(end - line), line);
		if (!follow_line(w, copy))
			return line;
	}
	return NULL;
}

static int load(const struct bpf_insn *insns, int n, char *log)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
	attr.insns = (uintptr_t)insns;
	attr.insn_cnt = (uint32_t)n;
	attr.license = (uintptr_t) "GPL";
	attr.log_buf = (uintptr_t)log;
	attr.log_size = LOG_SIZE;
	attr.log_level = 2 | 4; /* all states; if that is too much, the first of them */
	log[0] = '\0';
	return kernel_bpf(BPF_PROG_LOAD, &attr);
}

/* Others are more precise here and less there. */
static void kernel_of_that_version(void)
{
	struct utsname name;

	if (uname(&name) || strncmp(name.release, "6.18.", 5)) {
		printf("skipped: ranges are those of Linux 6.18, this is %s\n", name.release);
		exit(77);
	}
}

int main(int argc, char **argv)
{
	unsigned long programs = argc > 1 ? strtoul(argv[1], NULL, 0) : 3000, refused = 0,
		      left_out = 0;
	uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
	static char log[LOG_SIZE];
	int map;

	kernel_needed();
	kernel_of_that_version();
	map = kernel_map(BPF_MAP_TYPE_ARRAY, 4, 8, 1, 0);
	for (unsigned long i = 0; i < programs; i++) {
		struct bpf_insn insns[MAX_INSNS];
		struct walk w = {.insns = insns};
		const char *differs;
		int n, fd;

		seed = (first + i) * UINT64_C(0x9e3779b97f4a7c15) | 1;
		for (int warm = 0; warm < 8; warm++)
			rnd();
		n = generate(insns, map);
		if (argc <= 3 && contradictory(insns, n)) {
			left_out++;
			continue;
		}
		fd = load(insns, n, log);
		refused += fd < 0;
		if (fd >= 0)
			close(fd);
		differs = follow(&w, log);
		if (differs) {
			const char *from = differs - log > 4000 ? differs - 4000 : log;

			printf("seed %llu, at the last line of:\n%.*s\n",
			       (unsigned long long)(first + i),
			       (int)(differs - from + (long)strcspn(differs, "\n")), from);
			return 1;
		}
	}
	printf("%lu programs, %lu left out, %lu refused; %lu states of registers compared, %lu "
	       "contradictory, %lu forks\n",
	       programs, left_out, refused, compared, violations, forks);
	return compared > programs ? 0 : 1;
}
