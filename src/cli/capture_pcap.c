/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli/capture_pcap.c - see capture_pcap.h.
 */
#include "cli/capture_pcap.h"
#include "port/libpcap.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct capture_filter {
	struct bpf_program program;
};

struct capture_file {
	pcap_t *pcap;
	pcap_dumper_t *dumper;
};

int capture_filter_new(struct cli *cli, int first, uint32_t snaplen, struct capture_filter **out)
{
	struct capture_filter *f;
	struct visor_diag diag = {0};
	char text[4096];
	size_t len = 0;
	pcap_t *pcap;

	*out = NULL;
	if (cli->n_args <= first)
		return CLI_OK;
	for (int i = first; i < cli->n_args && len < sizeof(text); i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s",
					i > first ? " " : "", cli->args[i]);
	if (len >= sizeof(text))
		return cli_usage(cli, "the filter is longer than %zu characters", sizeof(text) - 1);
	if (libpcap_need("capture", &diag))
		return cli_fail(&diag);
	f = calloc(1, sizeof(*f));
	pcap = libpcap.pcap_open_dead(DLT_EN10MB, (int)snaplen);
	if (!f || !pcap) {
		free(f);
		if (pcap)
			libpcap.pcap_close(pcap);
		return cli_error(-ENOMEM, NULL, "no memory");
	}
	if (libpcap.pcap_compile(pcap, &f->program, text, 1, PCAP_NETMASK_UNKNOWN)) {
		int code = cli_usage(cli, "the filter '%s': %s", text, libpcap.pcap_geterr(pcap));

		libpcap.pcap_close(pcap);
		free(f);
		return code;
	}
	libpcap.pcap_close(pcap);
	*out = f;
	return CLI_OK;
}

void capture_filter_free(struct capture_filter *f)
{
	if (!f)
		return;
	libpcap.pcap_freecode(&f->program);
	free(f);
}

bool capture_filter_matches(const struct capture_filter *f, const struct capture_packet *p)
{
	const struct pcap_pkthdr header = {.caplen = p->size, .len = p->length};

	return !f || libpcap.pcap_offline_filter(&f->program, &header, p->bytes);
}

/* Standard output, but closing it leaves that open. */
static pcap_dumper_t *capture_file_stdout(pcap_t *pcap)
{
	int fd = dup(STDOUT_FILENO);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "wb");
	pcap_dumper_t *dumper = file ? libpcap.pcap_dump_fopen(pcap, file) : NULL;

	if (!dumper && file)
		fclose(file);
	else if (!file && fd >= 0)
		close(fd);
	return dumper;
}

int capture_file_open(const char *path, uint32_t snaplen, struct capture_file **out,
		      struct visor_diag *diag)
{
	struct capture_file *f;
	int err = libpcap_need("capture", diag);

	*out = NULL;
	if (err)
		return err;
	f = calloc(1, sizeof(*f));
	if (!f)
		return diag_fail(diag, -ENOMEM, "capture", "no memory");
	f->pcap = libpcap.pcap_open_dead_with_tstamp_precision(DLT_EN10MB, (int)snaplen,
							       PCAP_TSTAMP_PRECISION_NANO);
	if (f->pcap && !strcmp(path, "-"))
		f->dumper = capture_file_stdout(f->pcap);
	else if (f->pcap)
		f->dumper = libpcap.pcap_dump_open(f->pcap, path);
	if (!f->dumper)
		err = diag_fail(diag, -EIO, "capture", "%s",
				f->pcap ? libpcap.pcap_geterr(f->pcap) : "no memory");
	/* A reader at the other end of a pipe sees at once that this is a capture. */
	if (!err)
		err = capture_file_flush(f);
	if (err) {
		capture_file_close(f);
		return err;
	}
	*out = f;
	return 0;
}

int capture_file_add(struct capture_file *f, uint64_t time, const struct capture_packet *p)
{
	/* With this precision nanoseconds stand in the place of microseconds. */
	const struct pcap_pkthdr header = {
		.ts = {(time_t)(time / 1000000000), (suseconds_t)(time % 1000000000)},
		.caplen = p->size,
		.len = p->length};

	libpcap.pcap_dump((unsigned char *)f->dumper, &header, p->bytes);
	return ferror(libpcap.pcap_dump_file(f->dumper)) ? -EIO : 0;
}

int capture_file_flush(struct capture_file *f)
{
	errno = 0;
	return libpcap.pcap_dump_flush(f->dumper) ? errno ? -errno : -EIO : 0;
}

int capture_file_close(struct capture_file *f)
{
	int err = f->dumper ? capture_file_flush(f) : 0;

	if (f->dumper)
		libpcap.pcap_dump_close(f->dumper);
	if (f->pcap)
		libpcap.pcap_close(f->pcap);
	free(f);
	return err;
}
