/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * object.c - the instructions of a section and the places where they name a map: the
 * little that engines without libbpf need. The objects are our own, built with us.
 */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static Elf_Scn *object_section(Elf *elf, const char *want, GElf_Shdr *shdr)
{
	size_t names;
	Elf_Scn *scn = NULL;

	if (elf_getshdrstrndx(elf, &names))
		return NULL;
	while ((scn = elf_nextscn(elf, scn))) {
		const char *name;

		if (!gelf_getshdr(scn, shdr))
			return NULL;
		name = elf_strptr(elf, names, shdr->sh_name);
		if (name && !strcmp(name, want))
			return scn;
	}
	return NULL;
}

static int object_relocs(Elf *elf, size_t section, struct bench_code *out)
{
	Elf_Scn *scn = NULL;
	GElf_Shdr shdr;

	while ((scn = elf_nextscn(elf, scn))) {
		Elf_Data *data = elf_getdata(scn, NULL);

		if (!gelf_getshdr(scn, &shdr) || shdr.sh_type != SHT_REL || shdr.sh_info != section)
			continue;
		for (size_t i = 0; data && i < shdr.sh_size / shdr.sh_entsize; i++) {
			GElf_Rel rel;
			uint32_t at;

			if (!gelf_getrel(data, i, &rel))
				return -EINVAL;
			at = rel.r_offset / sizeof(struct bpf_insn);
			if (at + 1 >= out->n_insns ||
			    out->insns[at].code != (BPF_LD | BPF_IMM | BPF_DW) ||
			    out->n_map_refs == sizeof(out->map_refs) / sizeof(out->map_refs[0]))
				return -ENOTSUP;
			out->map_refs[out->n_map_refs++] = at;
		}
	}
	return 0;
}

static int code_read(const char *path, const char *section, struct bench_code *out)
{
	int fd, err = -EINVAL;
	GElf_Shdr shdr;
	Elf_Data *data;
	Elf_Scn *scn;
	Elf *elf;

	memset(out, 0, sizeof(*out));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!elf)
		goto out;
	scn = object_section(elf, section, &shdr);
	data = scn ? elf_getdata(scn, NULL) : NULL;
	if (!data || !data->d_size)
		goto out;
	out->insns = malloc(data->d_size);
	if (!out->insns) {
		err = -ENOMEM;
		goto out;
	}
	memcpy(out->insns, data->d_buf, data->d_size);
	out->n_insns = data->d_size / sizeof(struct bpf_insn);
	err = object_relocs(elf, elf_ndxscn(scn), out);
out:
	if (elf)
		elf_end(elf);
	close(fd);
	return err;
}

int bench_code_get(const struct bench_program *prog, bool raw, struct bench_code *out)
{
	if (prog->generate)
		return prog->generate(prog, raw, out);
	return code_read(raw ? prog->raw_object : prog->object, raw ? "raw" : "xdp", out);
}
