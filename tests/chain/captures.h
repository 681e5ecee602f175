/* SPDX-License-Identifier: BSD-2-Clause */
/* captures.h - for tests: every Ethernet packet of the shared captures that the kernel's test
 * run takes. */
#ifndef CAPTURES_H
#define CAPTURES_H

#define PCAP_DONT_INCLUDE_PCAP_BPF_H /* its struct bpf_insn is another one */
#include <dirent.h>
#include <pcap/pcap.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CAPTURES_MIN 14
#define CAPTURES_MAX 3520

struct capture_packet {
	uint8_t *data;
	uint32_t len;
};

struct captures {
	struct capture_packet *packets;
	size_t n, max;
};

static inline void captures_add_file(struct captures *c, const char *path)
{
	char text[PCAP_ERRBUF_SIZE];
	pcap_t *pcap = pcap_open_offline(path, text);
	struct pcap_pkthdr *hdr;
	const u_char *data;

	if (!pcap)
		return; /* broken on purpose */
	while (pcap_datalink(pcap) == 1 /* Ethernet */ && pcap_next_ex(pcap, &hdr, &data) == 1) {
		struct capture_packet *p;

		if (hdr->caplen < CAPTURES_MIN || hdr->caplen > CAPTURES_MAX)
			continue;
		if (c->n == c->max) {
			c->max = c->max ? 2 * c->max : 1024;
			c->packets = realloc(c->packets, c->max * sizeof(*c->packets));
		}
		p = &c->packets[c->n++];
		p->len = hdr->caplen;
		p->data = malloc(p->len);
		memcpy(p->data, data, p->len);
	}
	pcap_close(pcap);
}

/* Takes every `every`th file, in the order of their names. */
static inline void captures_read(struct captures *c, unsigned every)
{
	const char *root = getenv("VISOR_DATA");
	struct dirent **list;
	char path[1024];
	int n;

	memset(c, 0, sizeof(*c));
	snprintf(path, sizeof(path), "%s/captures", root ? root : "");
	n = scandir(path, &list, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		if (list[i]->d_name[0] != '.' && (unsigned)i % every == 0) {
			snprintf(path, sizeof(path), "%s/captures/%s", root, list[i]->d_name);
			captures_add_file(c, path);
		}
		free(list[i]);
	}
	if (n >= 0)
		free(list);
}

/* Reads, and says so if there is nothing to read: then main returns 77. */
static inline bool captures_absent(struct captures *c, unsigned every)
{
	captures_read(c, every);
	if (!c->n)
		fprintf(stderr, "skipped: no captures in VISOR_DATA\n");
	return !c->n;
}

static inline void captures_free(struct captures *c)
{
	for (size_t i = 0; i < c->n; i++)
		free(c->packets[i].data);
	free(c->packets);
}

#endif
