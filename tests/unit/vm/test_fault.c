/* SPDX-License-Identifier: BSD-2-Clause */
/* Checked mode stops a program at the right instruction and says why. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <sys/mman.h>

#include "../../vm.h"

#define RAW 0
#define XDP BPF_PROG_TYPE_XDP
#define SKF BPF_PROG_TYPE_SOCKET_FILTER
#define TC  BPF_PROG_TYPE_SCHED_CLS

/* The maps that every program gets: index as in the texts below. */
static const struct map_attr map_attrs[] = {
	{.type = BPF_MAP_TYPE_ARRAY,
	 .key_size = 4,
	 .value_size = 8,
	 .max_entries = 4,
	 .name = "array"},
	{.type = BPF_MAP_TYPE_ARRAY,
	 .key_size = 4,
	 .value_size = 8,
	 .max_entries = 4,
	 .flags = BPF_F_RDONLY_PROG,
	 .name = "constant"},
	{.type = BPF_MAP_TYPE_HASH,
	 .key_size = 4,
	 .value_size = 8,
	 .max_entries = 4,
	 .name = "hash"},
	{.type = BPF_MAP_TYPE_RINGBUF, .max_entries = 4096, .name = "ring"},
};
static struct map *maps[ARRAY_SIZE(map_attrs)];

/* The context pointer in r3, such that only a checked run knows that it is. */
#define HIDDEN_CTX "r4 = 0\n r3 = r1\n r3 += r4\n"
#define LOOKUP(map)                                                                      \
	"r2 = 1\n *(u32 *)(r10 -4) = r2\n r2 = r10\n r2 += -4\n r1 = map[idx:" map "]\n" \
	"call bpf_map_lookup_elem\n"

/* A record of 8 bytes in r6. */
#define RESERVE                                                                    \
	"r1 = map[idx:3]\n r2 = 8\n r3 = 0\n call bpf_ringbuf_reserve\n r6 = r0\n" \
	"if r0 == 0 goto out\n"
#define SUBMIT "r1 = r6\n r2 = 0\n call bpf_ringbuf_submit\n"

/* With r3 as context; the body may use r2. */
#define CALL_BACK(body)                                          \
	"r1 = 1\n r2 = subprog[each]\n r4 = 0\n call bpf_loop\n" \
	"r0 = 0\n exit\n each:\n" body "\n r0 = 0\n exit"

static const struct fault_case {
	const char *name;
	uint32_t type, insn;
	const char *expect; /* NULL: the program runs to its end */
	const char *text;
} cases[] = {
	{"packet end", XDP, 1, "read of 4 bytes at packet +64: the packet has 60 bytes",
	 "r2 = *(u32 *)(r1 +0)\n r0 = *(u32 *)(r2 +64)\n exit"},
	{"across packet end", XDP, 1, "read of 4 bytes at packet +57: the packet has 60 bytes",
	 "r2 = *(u32 *)(r1 +0)\n r0 = *(u32 *)(r2 +57)\n exit"},
	{"last bytes of packet", XDP, 0, NULL,
	 "r2 = *(u32 *)(r1 +0)\n r0 = *(u32 *)(r2 +56)\n exit"},
	{"before packet", XDP, 2, "write of 1 bytes at packet -1: the packet has 60 bytes",
	 "r2 = *(u32 *)(r1 +0)\n r0 = 0\n *(u8 *)(r2 -1) = 1\n exit"},
	{"packet without the context", TC, 2, "read of 2 bytes at packet +59",
	 "r2 = *(u32 *)(r1 +76)\n r2 += 59\n r0 = *(u16 *)(r2 +0)\n exit"},
	{"atomic on packet", XDP, 2, "atomic access to packet bytes",
	 "r2 = *(u32 *)(r1 +0)\n r0 = 1\n lock *(u64 *)(r2 +0) += r0\n exit"},
	{"atomic across words", RAW, 1, "atomic access of 8 bytes is not aligned",
	 "r0 = 1\n lock *(u64 *)(r10 -12) += r0\n exit"},
	{"null", RAW, 1, "read of 8 bytes at null pointer +16",
	 "r2 = 0\n r0 = *(u64 *)(r2 +16)\n exit"},
	{"wild", RAW, 2, "read of 1 bytes at address 0x6042000000000000: no memory of this program",
	 "r2 = 0x6042000000000000\n r0 = *(u8 *)(r2 +0)\n exit"},
	{"below stack", RAW, 0, "write of 8 bytes at stack r10-520: a function has the 512 bytes",
	 "*(u64 *)(r10 -520) = 0\n exit"},
	{"bottom of stack", RAW, 0, NULL, "*(u64 *)(r10 -512) = 0\n r0 = 0\n exit"},
	{"above stack", RAW, 0, "read of 4 bytes at stack r10-2", "r0 = *(u32 *)(r10 -2)\n exit"},
	{"at r10", RAW, 0, "read of 8 bytes at stack r10+0", "r0 = *(u64 *)(r10 +0)\n exit"},
	{"stack of the caller", RAW, 0, NULL,
	 "r1 = r10\n call sub\n r0 = *(u64 *)(r10 -8)\n exit\n sub:\n *(u64 *)(r1 -8) = 5\n exit"},
	{"stack of a function that ended", RAW, 1, "read of 8 bytes at",
	 "call sub\n r0 = *(u64 *)(r0 -8)\n exit\n sub:\n r0 = r10\n *(u64 *)(r0 -8) = 1\n exit"},
	{"uninitialised", XDP, 0, "register r6 is read but was never set", "r0 = r6\n exit"},
	{"r0 at exit", XDP, 0, "register r0 is read but was never set", "exit"},
	{"r1 after a call", XDP, 1, "register r1 is read but was never set",
	 "call bpf_ktime_get_ns\n r0 = r1\n exit"},
	{"void helper gives nothing", XDP, 0, NULL, "call bpf_get_prandom_u32\n exit"},
	{"context write", XDP, 3, "write to read-only context field data at +0",
	 HIDDEN_CTX "*(u32 *)(r3 +0) = r4\n exit"},
	{"context part", XDP, 3, "read of 2 bytes at context +0: not a whole of field data",
	 HIDDEN_CTX "r0 = *(u16 *)(r3 +0)\n exit"},
	{"context end", XDP, 3, "read of 4 bytes at context +24: the context of xdp has 24 bytes",
	 HIDDEN_CTX "r0 = *(u32 *)(r3 +24)\n exit"},
	{"context across fields", XDP, 3, "read of 8 bytes at context +8: no field of xdp",
	 HIDDEN_CTX "r0 = *(u64 *)(r3 +8)\n exit"},
	{"context atomic", TC, 3, "atomic access to the context",
	 HIDDEN_CTX "lock *(u32 *)(r3 +8) += r4\n exit"},
	{"context field of another type", SKF, 3, "read of context field data at +76: out of reach",
	 HIDDEN_CTX "r0 = *(u32 *)(r3 +76)\n exit"},
	{"context scalar", TC, 0, NULL,
	 HIDDEN_CTX "*(u32 *)(r3 +8) = r4\n r0 = *(u8 *)(r3 +8)\n exit"},
	{"map value end", XDP, 7, "crosses its end", LOOKUP("0") "r0 = *(u64 *)(r0 +4)\n exit"},
	{"map value", XDP, 0, NULL, LOOKUP("0") "*(u64 *)(r0 +0) = 7\n r0 = 0\n exit"},
	{"missing entry", XDP, 7, "read of 8 bytes at null pointer +0",
	 LOOKUP("2") "r0 = *(u64 *)(r0 +0)\n exit"},
	{"read-only map", XDP, 7, "write of 8 bytes to read-only memory",
	 LOOKUP("1") "*(u64 *)(r0 +0) = 7\n exit"},
	{"update of read-only map", XDP, 7,
	 "map_update_elem, argument 1: map 'constant' is read-only to programs",
	 "*(u64 *)(r10 -8) = 1\n r2 = r10\n r2 += -8\n r3 = r2\n r4 = 0\n r1 = map[idx:1]\n"
	 "call bpf_map_update_elem\n exit"},
	{"key beyond stack", XDP, 4, "map_lookup_elem, argument 2: 4 bytes at stack r10-2",
	 "r2 = r10\n r2 += -2\n r1 = map[idx:0]\n call bpf_map_lookup_elem\n exit"},
	{"not a map", XDP, 2, "map_lookup_elem, argument 1: not a map of this program",
	 "r2 = r10\n r2 += -8\n call bpf_map_lookup_elem\n exit"},
	{"wrong type of map", XDP, 4, "redirect_map, argument 1: cannot be a map of type array",
	 "r2 = 0\n r3 = 0\n r1 = map[idx:0]\n call bpf_redirect_map\n exit"},
	{"not the context", XDP, 2, "xdp_adjust_head, argument 1: not the context",
	 "r1 = r10\n r2 = 4\n call bpf_xdp_adjust_head\n exit"},
	{"context and four bytes", XDP, 2, "xdp_adjust_head, argument 1: not the context",
	 "r1 += 4\n r2 = 4\n call bpf_xdp_adjust_head\n exit"},
	{"packet shrinks", XDP, 4, "read of 1 bytes at packet -1: the packet has 56 bytes",
	 "r6 = r1\n r2 = 4\n call bpf_xdp_adjust_head\n r2 = *(u32 *)(r6 +0)\n"
	 "r0 = *(u8 *)(r2 -1)\n exit"},
	{"size of zero", XDP, 4, "trace_printk, argument 1: the size is 0",
	 "*(u64 *)(r10 -8) = 0\n r1 = r10\n r1 += -8\n r2 = 0\n call bpf_trace_printk\n exit"},
	{"size out of range", XDP, 4, "trace_printk, argument 1: size -1 is out of range",
	 "*(u64 *)(r10 -8) = 0\n r1 = r10\n r1 += -8\n r2 = -1\n call bpf_trace_printk\n exit"},
	{"packet bytes not for this helper", XDP, 2, "packet bytes are not allowed",
	 "r1 = *(u32 *)(r1 +0)\n r2 = 8\n call bpf_trace_printk\n exit"},
	{"constant string", XDP, 4, "strncmp, argument 3: not a constant string",
	 "r1 = r10\n r1 += -8\n r2 = 8\n r3 = r10\n call bpf_strncmp\n exit"},
	{"record", XDP, 0, NULL, RESERVE "*(u64 *)(r6 +0) = 1\n" SUBMIT "out:\n r0 = 0\n exit"},
	{"too many records", XDP, 4, "more than 16 ring buffer records are held",
	 "again:\n" RESERVE "goto again\n out:\n r0 = 0\n exit"},
	{"string in a map that may change", XDP, 11, "strncmp, argument 3: not a constant string",
	 LOOKUP("1") "r3 = r0\n r1 = r10\n r1 += -4\n r2 = 4\n call bpf_strncmp\n exit"},
	{"record not released", XDP, 8, "exit with an unreleased ring buffer record of 8 bytes",
	 RESERVE "out:\n r0 = 0\n exit"},
	{"fault with a record", XDP, 7, "register r9 is read", RESERVE "r0 = r9\n out:\n exit"},
	{"beyond the record", XDP, 7, "write of 8 bytes at ring buffer record +8: it has 8 bytes",
	 RESERVE "*(u64 *)(r6 +8) = 1\n" SUBMIT "out:\n r0 = 0\n exit"},
	{"released record", XDP, 10, "write of 8 bytes at address",
	 RESERVE SUBMIT "*(u64 *)(r6 +0) = 1\n out:\n r0 = 0\n exit"},
	{"record released twice", XDP, 12, "ringbuf_submit, argument 1: not reserved memory",
	 RESERVE SUBMIT SUBMIT "out:\n r0 = 0\n exit"},
	{"part of a record", XDP, 10, "ringbuf_submit, argument 1: not reserved memory",
	 RESERVE "r6 += 4\n" SUBMIT "out:\n r0 = 0\n exit"},
	{"callback context above the stack", XDP, 0, NULL,
	 "r3 = r10\n r3 += 1\n" CALL_BACK("r0 = 0")},
	{"callback context below the stack", XDP, 0, NULL,
	 "r3 = r10\n r3 += -1000000\n" CALL_BACK("r0 = 0")},
	{"callback context comes back", XDP, 0, NULL,
	 "*(u64 *)(r10 -8) = 0\n r3 = r10\n r3 += 4096\n" CALL_BACK(
		 "r2 += -4104\n r0 = *(u64 *)(r2 +0)")},
	{"use of a callback context above the stack", XDP, 9, "read of 1 bytes at",
	 "r3 = r10\n r3 += 1\n" CALL_BACK("r0 = *(u8 *)(r2 +0)")},
	/* Far from every stack, wherever that is. */
	{"callback context is a number", XDP, 6, "loop, argument 3: neither NULL nor stack",
	 "r3 = 0x4000000000000000 ll\n" CALL_BACK("r0 = 0")},
	{"endless loop", RAW, 0, "stopped after 1000 instructions, the limit of this run",
	 "again:\n r0 = 0\n goto again\n exit"},
	{"classic access without context", SKF, 5, "classic packet access: r6 is not the context",
	 HIDDEN_CTX "r6 = r3\n r6 += 4\n r0 = *(u8 *)skb[0]\n exit"},
	{"unknown helper in a register", RAW, 1, "indirect call: there is no helper 9999",
	 "r2 = 9999\n callx r2\n exit"},
};

static void setup_packet(struct visor_packet *pkt)
{
	static uint8_t bytes[256 + 60];

	/* The packet ends where its memory does, so that ASan would see an access behind it. */
	visor_packet_init(pkt, bytes, sizeof(bytes), 256, 60);
}

static void run_case(const struct fault_case *c)
{
	struct test_prog t = {.type = catalog_prog(c->type),
			      .way = TEST_CHECKED,
			      .maps = maps,
			      .n_maps = ARRAY_SIZE(maps),
			      .id = 42,
			      .name = c->name,
			      .lenient = c->type == RAW};
	struct visor_run *run = aligned_alloc(64, sizeof(*run));
	struct vm_prog *prog = test_prog(&t, c->text);
	struct visor_packet pkt;
	uint64_t ret;
	int err;

	setup_packet(&pkt);
	vm_run_init(run);
	run->insn_limit = 1000;
	vm_enter(run);
	err = vm_prog_run(prog, run, c->type ? &pkt : NULL, 0, &ret);
	vm_leave(run);
	if (err && !c->expect)
		print_error("%s: insn %u: %s\n", c->name, run->fault.insn, run->fault.text);
	assert_int_equal(err, c->expect ? -EFAULT : 0);
	if (c->expect) {
		if (!strstr(run->fault.text, c->expect))
			print_error("%s: '%s' instead of '%s'\n", c->name, run->fault.text,
				    c->expect);
		assert_non_null(strstr(run->fault.text, c->expect));
		if (run->fault.insn != c->insn)
			print_error("%s: insn %u\n", c->name, run->fault.insn);
		assert_int_equal(run->fault.insn, c->insn);
		assert_int_equal(run->fault.prog_id, 42);
		assert_memory_equal(run->fault.prog, c->name, MIN(strlen(c->name), 15u));
	}
	vm_prog_unref(prog);
	free(run);
}

static void faults(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		run_case(&cases[i]);
}

static int count_record(void *user, const void *data, uint32_t size)
{
	++*(unsigned *)user;
	return 0;
}

/* Runs after `faults`: of all its records three were submitted, and none is left that would
 * hold up the reader. */
static void records(void **state)
{
	unsigned n = 0;

	assert_int_equal(ringbuf_consume(maps[3], count_record, &n), 3);
	assert_int_equal(n, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(faults), cmocka_unit_test(records)};
	struct visor_diag diag = {0};

	for (size_t i = 0; i < ARRAY_SIZE(maps); i++) {
		if (map_new(&map_attrs[i], (uint32_t)i + 1, memfd_create("test", MFD_CLOEXEC),
			    &maps[i], &diag)) {
			visor_diag_print(&diag, stderr);
			return 1;
		}
	}
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	for (size_t i = 0; i < ARRAY_SIZE(maps); i++)
		map_unref(maps[i]);
	return failed;
}
