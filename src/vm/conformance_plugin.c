/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm/conformance_plugin.c - runs one program for the public BPF conformance suite.
 *
 * usage: conformance-plugin [MEMORY] [--engine interp] [--debug] < PROGRAM
 *
 * MEMORY and PROGRAM are bytes in hex, with or without spaces between them. A runner may
 * pass an empty argument for what is absent, and all options as one argument. The program
 * gets the memory in r1 and its size in r2, runs in checked mode, and what it leaves in r0
 * is printed in hex. Exit status 1 and a message if it is refused or stopped.
 */
#include "vm/vm.h"

#include <visor/visor.h>

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define PLUGIN_MAX_INSNS 65536

/* The suite's programs get memory, not a context. */
static const struct prog_type plugin_type = {
	.name = "conformance",
	.type = VISOR_PROG_CUSTOM,
	.set = P_CUSTOM,
	.ret_min = INT64_MIN,
	.ret_max = INT64_MAX,
};

static int plugin_fail(const char *what)
{
	fprintf(stderr, "conformance-plugin: %s\n", what);
	return 1;
}

static int plugin_digit(int c)
{
	return isdigit(c) ? c - '0' : isxdigit(c) ? tolower(c) - 'a' + 10 : -1;
}

/* Bytes of `hex`, white space between them skipped; the caller frees. NULL: not hex. */
static uint8_t *plugin_bytes(const char *hex, size_t *n)
{
	uint8_t *bytes = malloc(strlen(hex) / 2 + 1);

	*n = 0;
	while (bytes) {
		int high, low;

		while (isspace((unsigned char)*hex))
			hex++;
		if (!*hex)
			return bytes;
		high = plugin_digit((unsigned char)hex[0]);
		low = high < 0 ? -1 : plugin_digit((unsigned char)hex[1]);
		if (low < 0)
			break;
		bytes[(*n)++] = (uint8_t)(high << 4 | low);
		hex += 2;
	}
	free(bytes);
	return NULL;
}

/* All of standard input as a string; the caller frees. */
static char *plugin_input(void)
{
	size_t size = PLUGIN_MAX_INSNS * sizeof(struct bpf_insn) * 3 + 1;
	char *text = malloc(size);
	size_t n = text ? fread(text, 1, size - 1, stdin) : 0;

	if (text)
		text[n] = 0;
	return text;
}

static int plugin_run(const struct bpf_insn *insns, size_t n_insns, uint8_t *mem, size_t mem_size)
{
	struct verify_image image = {
		.insns = insns,
		.n_insns = (uint32_t)n_insns,
		.structure_only = true,
		.type = &plugin_type,
		.gpl = true,
		.any_helper = true,
		.call_reg = true,
		.lenient = true,
	};
	struct vm_prog_attr attr = {.mode = VM_CHECKED, .name = "conformance"};
	const struct verified *code = NULL;
	struct vm_prog *prog = NULL;
	struct visor_diag diag = {0};
	static struct visor_run run;
	uint64_t r0;
	int err;

	err = verify_image(&image, &code, &diag);
	if (!err) {
		attr.code = code;
		err = vm_prog_new(&attr, &prog, &diag);
	}
	if (err) {
		visor_diag_print(&diag, stderr);
		goto out;
	}
	vm_run_init(&run);
	if (mem_size)
		vm_run_allow(&run, mem, (uint32_t)mem_size, true, "memory");
	vm_enter(&run);
	err = vm_prog_run(prog, &run, mem_size ? mem : NULL, mem_size, &r0);
	vm_leave(&run);
	if (err)
		fprintf(stderr, "conformance-plugin: insn %u: %s\n", run.fault.insn,
			run.fault.text);
	else
		printf("%llx\n", (unsigned long long)r0);
out:
	vm_prog_unref(prog);
	verified_unref(code);
	return err ? 1 : 0;
}

struct plugin_args {
	const char *mem_hex;
	bool want_engine; /* the next word names it */
};

/* One word of an option. */
static int plugin_option(struct plugin_args *args, const char *word)
{
	if (args->want_engine) {
		args->want_engine = false;
		return strcmp(word, "interp") ? plugin_fail("--engine: only `interp` is known") : 0;
	}
	if (!strcmp(word, "--engine"))
		args->want_engine = true;
	else if (strcmp(word, "--debug"))
		return plugin_fail("usage: [MEMORY] [--engine interp] [--debug] < PROGRAM");
	return 0;
}

static int plugin_args(struct plugin_args *args, int argc, char **argv)
{
	int status = 0;

	args->mem_hex = "";
	for (int i = 1; i < argc && !status; i++) {
		if (argv[i][0] != '-' && !args->want_engine) {
			if (argv[i][0])
				args->mem_hex = argv[i];
			continue;
		}
		for (char *word = strtok(argv[i], " "); word && !status; word = strtok(NULL, " "))
			status = plugin_option(args, word);
	}
	if (!status && args->want_engine)
		status = plugin_fail("--engine: which?");
	return status;
}

int main(int argc, char **argv)
{
	struct plugin_args args = {0};
	uint8_t *mem = NULL, *code = NULL;
	size_t mem_size, code_size;
	char *text = NULL;
	int status = 1;

	if (plugin_args(&args, argc, argv))
		return 1;
	mem = plugin_bytes(args.mem_hex, &mem_size);
	text = plugin_input();
	code = text ? plugin_bytes(text, &code_size) : NULL;
	if (!mem)
		plugin_fail("the memory is not bytes in hex");
	else if (!code)
		plugin_fail("the program is not bytes in hex");
	else if (!code_size || code_size % sizeof(struct bpf_insn))
		plugin_fail("the program is not a number of 8-byte instructions");
	else
		status = plugin_run((struct bpf_insn *)code, code_size / sizeof(struct bpf_insn),
				    mem, mem_size);
	free(mem);
	free(text);
	free(code);
	return status;
}
