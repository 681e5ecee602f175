/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * port/pcap.c - capture files, through libpcap.
 *
 * Time stamps are nanoseconds throughout; libpcap converts files of other precision. A
 * file being written is handed to the system in whole packets: the stream's buffer is
 * flushed before a packet that would not fit, so that a process that dies leaves a file
 * that ends with a whole packet.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "port/kind.h"
#include "port/libpcap.h"

/* ---- in -------------------------------------------------------------------------------- */

struct pcap_source {
	pcap_t *pcap;
	char *path;
	uint64_t loops;	 /* left, this one included */
	uint64_t number; /* of the packet last read, from 1 */
	int linktype;
	struct visor_diag broken; /* why reading stopped, reported after the packets before it */
	/* A packet that found the batch full; data is libpcap's and valid until the next read. */
	struct pcap_pkthdr *pending;
	const uint8_t *pending_data;
};

static int pcap_source_start(struct pcap_source *s, struct visor_diag *diag)
{
	char text[PCAP_ERRBUF_SIZE] = "";
	const char *why = text;
	size_t len = strlen(s->path);

	s->number = 0;
	/* libpcap says why only in words. */
	if (strcmp(s->path, "-") != 0 && access(s->path, R_OK)) {
		int err = -errno;

		diag_fail(diag, err, "port", "cannot open the capture file");
		diag_at(diag, "%s", s->path);
		return err;
	}
	s->pcap = libpcap.pcap_open_offline_with_tstamp_precision(s->path,
								  PCAP_TSTAMP_PRECISION_NANO, text);
	if (s->pcap) {
		s->linktype = libpcap.pcap_datalink(s->pcap);
		return 0;
	}
	/* The file's name is our place already. */
	if (!strncmp(text, s->path, len) && !strncmp(text + len, ": ", 2))
		why = text + len + 2;
	diag_fail(diag, -EIO, "port", "%s", why);
	diag_at(diag, "%s", s->path);
	return -EIO;
}

static int pcap_source_close(void *state, struct visor_diag *diag)
{
	struct pcap_source *s = state;

	if (s->pcap)
		libpcap.pcap_close(s->pcap);
	free(s->path);
	free(s);
	return 0;
}

static int pcap_source_open(const struct port_config *cfg, void **state, struct port_stats *stats,
			    struct visor_diag *diag)
{
	struct pcap_source *s;
	int err;

	if (cfg->loop > 1 && !strcmp(cfg->path_in, "-"))
		return diag_fail(diag, -EINVAL, "port", "standard input cannot be played again");
	err = libpcap_need("port", diag);
	if (err)
		return err;
	s = calloc(1, sizeof(*s));
	if (!s)
		return diag_fail(diag, -ENOMEM, "port", "no memory");
	s->path = strdup(cfg->path_in);
	s->loops = cfg->loop;
	err = s->path ? pcap_source_start(s, diag) : diag_fail(diag, -ENOMEM, "port", "no memory");
	if (err) {
		pcap_source_close(s, NULL);
		return err;
	}
	*state = s;
	return 0;
}

/* Reads the next packet into `pending`. False at the end, or with `broken` set. */
static bool pcap_source_next(struct pcap_source *s)
{
	while (!s->pending && !s->broken.err) {
		int r = libpcap.pcap_next_ex(s->pcap, &s->pending, &s->pending_data);

		if (r == 1) {
			s->number++;
			break;
		}
		s->pending = NULL;
		if (r != PCAP_ERROR_BREAK) {
			diag_fail(&s->broken, -EIO, "port", "%s", libpcap.pcap_geterr(s->pcap));
			diag_at(&s->broken, "%s: packet %llu", s->path,
				(unsigned long long)s->number + 1);
			break;
		}
		if (s->loops == 1 || !s->number) /* an empty file stays empty */
			break;
		s->loops--;
		libpcap.pcap_close(s->pcap);
		pcap_source_start(s, &s->broken);
	}
	return s->pending != NULL;
}

static void pcap_source_skip(struct pcap_source *s, struct port_stats *stats, enum port_skip why)
{
	if (why == PORT_SKIP_LINKTYPE && !stats->skipped[why]) {
		const char *name = libpcap.pcap_datalink_val_to_name(s->linktype);

		snprintf(stats->skip_detail, sizeof(stats->skip_detail), "%s (link type %d)",
			 name ? name : "unknown", s->linktype);
	}
	stats->skipped[why]++;
	s->pending = NULL;
}

static int pcap_source_receive(void *state, struct port_batch *batch, uint32_t max,
			       struct port_stats *stats, struct visor_diag *diag)
{
	struct pcap_source *s = state;

	while (batch->n < max && pcap_source_next(s)) {
		uint32_t len = s->pending->caplen;
		struct visor_packet *pkt;
		struct port_meta *meta;

		if (s->linktype != DLT_EN10MB) {
			pcap_source_skip(s, stats, PORT_SKIP_LINKTYPE);
			continue;
		}
		if (len < 14 || len > PORT_MAX_LEN) {
			pcap_source_skip(s, stats, len < 14 ? PORT_SKIP_SHORT : PORT_SKIP_LONG);
			continue;
		}
		pkt = port_batch_take(batch, len);
		if (!pkt)
			break;
		memcpy(pkt->data, s->pending_data, len);
		meta = &batch->meta[batch->n - 1];
		meta->time.tv_sec = s->pending->ts.tv_sec;
		meta->time.tv_nsec =
			s->pending->ts.tv_usec; /* nanoseconds, by the precision asked for */
		meta->len = len;
		meta->wire_len = MAX(s->pending->len, len);
		s->pending = NULL;
	}
	if (batch->n || !s->broken.err)
		return (int)batch->n;
	if (diag)
		*diag = s->broken;
	return s->broken.err;
}

const struct port_ops port_ops_pcap = {
	.open = pcap_source_open,
	.receive = pcap_source_receive,
	.close = pcap_source_close,
};

/* ---- out ------------------------------------------------------------------------------- */

#define PCAP_BUFFER 524288
#define PCAP_RECORD 16 /* bytes in front of each packet in the file */

struct pcap_sink {
	pcap_t *pcap;
	pcap_dumper_t *dumper;
	FILE *file; /* the dumper's */
	char *path, *buffer;
	uint32_t snaplen;
	size_t used; /* bytes in the stream's buffer */
};

static int pcap_sink_fail(struct pcap_sink *s, struct visor_diag *diag)
{
	int err = errno ? -errno : -EIO;

	diag_fail(diag, err, "port", "cannot write the capture file");
	diag_at(diag, "%s", s->path);
	return err;
}

static int pcap_sink_write(struct pcap_sink *s, struct visor_diag *diag)
{
	if (!s->used)
		return 0;
	s->used = 0;
	errno = 0;
	if (fflush(s->file) || ferror(s->file))
		return pcap_sink_fail(s, diag);
	return 0;
}

static int pcap_sink_flush(void *state, struct port_stats *stats, struct visor_diag *diag)
{
	return pcap_sink_write(state, diag);
}

static int pcap_sink_close(void *state, struct visor_diag *diag)
{
	struct pcap_sink *s = state;
	int err = 0;

	if (s->dumper) {
		err = pcap_sink_write(s, diag);
		libpcap.pcap_dump_close(s->dumper);
	} else if (s->file) {
		fclose(s->file);
	}
	if (s->pcap)
		libpcap.pcap_close(s->pcap);
	free(s->buffer);
	free(s->path);
	free(s);
	return err;
}

static int pcap_sink_start(struct pcap_sink *s, struct visor_diag *diag)
{
	s->file = strcmp(s->path, "-") ? fopen(s->path, "we") : fdopen(dup(STDOUT_FILENO), "w");
	if (!s->file)
		return pcap_sink_fail(s, diag);
	s->pcap = libpcap.pcap_open_dead_with_tstamp_precision(DLT_EN10MB, (int)s->snaplen,
							       PCAP_TSTAMP_PRECISION_NANO);
	if (!s->pcap || setvbuf(s->file, s->buffer, _IOFBF, PCAP_BUFFER))
		return diag_fail(diag, -ENOMEM, "port", "no memory");
	errno = 0;
	s->dumper = libpcap.pcap_dump_fopen(s->pcap, s->file);
	if (!s->dumper) {
		s->file = NULL; /* libpcap has closed it */
		return pcap_sink_fail(s, diag);
	}
	s->used = 1; /* the file's header */
	return pcap_sink_write(s, diag);
}

static int pcap_sink_open(const struct port_config *cfg, void **state, struct port_stats *stats,
			  struct visor_diag *diag)
{
	struct pcap_sink *s;
	int err = libpcap_need("port", diag);

	if (err)
		return err;
	s = calloc(1, sizeof(*s));
	if (!s)
		return diag_fail(diag, -ENOMEM, "port", "no memory");
	s->snaplen = (uint32_t)cfg->snaplen;
	s->path = strdup(cfg->path_out);
	s->buffer = malloc(PCAP_BUFFER);
	err = s->path && s->buffer ? pcap_sink_start(s, diag)
				   : diag_fail(diag, -ENOMEM, "port", "no memory");
	if (err) {
		pcap_sink_close(s, NULL);
		return err;
	}
	*state = s;
	return 0;
}

static int pcap_sink_send(void *state, const struct visor_packet *pkt, const struct port_meta *meta,
			  struct port_stats *stats, struct visor_diag *diag)
{
	struct pcap_sink *s = state;
	uint32_t len = (uint32_t)(pkt->end - pkt->data);
	struct pcap_pkthdr hdr = {
		.ts = {.tv_sec = meta->time.tv_sec, .tv_usec = meta->time.tv_nsec},
		.caplen = MIN(len, s->snaplen),
		/* What the capture had cut off is still missing, however the packet has grown. */
		.len = len + (meta->wire_len - meta->len),
	};

	if (s->used + PCAP_RECORD + hdr.caplen > PCAP_BUFFER) {
		int err = pcap_sink_write(s, diag);

		if (err)
			return err;
	}
	s->used += PCAP_RECORD + hdr.caplen;
	libpcap.pcap_dump((unsigned char *)s->dumper, &hdr, pkt->data);
	return 0;
}

const struct port_ops port_ops_pcap_out = {
	.open = pcap_sink_open,
	.send = pcap_sink_send,
	.flush = pcap_sink_flush,
	.close = pcap_sink_close,
};
