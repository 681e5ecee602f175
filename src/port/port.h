/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * port/port.h - sources and sinks of packets.
 *
 * A port has a source, a sink, or both: `wan: {pcap: in.pcap, pcap_out: out.pcap}` reads
 * from one file and transmits into another, as a device receives and transmits. The kinds
 * of sources and sinks, and their options, are two tables at the end of this header.
 *
 * Ownership: the caller owns a struct port_config (port_config_free) and the struct port
 * opened from it (port_close). A struct port_batch is a frame pool with its packets; it
 * is allocated once and reused, so that nothing is allocated per packet. One port and one
 * batch belong to one thread at a time.
 *
 * A frame, one of PORT_BATCH in the pool (a longer packet takes several, and then has no
 * tailroom). The room is that of a kernel page with an XDP packet in it:
 *
 *    |-- 256 headroom --|== packet ==|-- tailroom: packet and tailroom 3520 bytes --| pad |
 */
#ifndef PORT_PORT_H
#define PORT_PORT_H

#include <time.h>

#include "base/diag.h"
#include "visor/packet.h"

#define PORT_BATCH    64
#define PORT_HEADROOM 256
#define PORT_ROOM     3520 /* packet and tailroom: 4096 - headroom - 320 of the kernel's own */
#define PORT_MAX_LEN  262144

/* ---- configuration -------------------------------------------------------------------- */

struct port_kind;

struct port_config {
	const struct port_kind *source, *sink; /* NULL: none */
	char *path_in, *path_out;
	char *device;		/* device, tap: the interface's name */
	uint64_t ifindex;	/* as programs see it; 0: numbered by the chain */
	uint64_t loop, snaplen; /* pcap, pcap_out */
	uint64_t discard;	/* null; no meaning */
	uint64_t count, size, seed, flows, rate, protocol, family; /* generate */
	uint64_t via, attach, queue;					   /* device */
	/* Not an option: nothing will be received. A device's packets are left to the host. */
	bool send_only;
};

/* Everything at its default: neither source nor sink. */
void port_config_init(struct port_config *cfg);

/*
 * Sets one option by its name in a chain file: a kind ("pcap", with its main value) or an
 * option of a kind that was set before ("loop"): set the names that port_is_kind() first.
 * -EINVAL with text and hint in diag, without a place: unknown option, second source, bad
 * number, out of range ...
 */
int port_config_set(struct port_config *cfg, const char *name, const char *value,
		    struct visor_diag *diag);
bool port_is_kind(const char *name);
/* The text that stands for an option's value; "" if the option is no choice. */
const char *port_config_choice(const struct port_config *cfg, const char *option);
/* True if opening `sink` would destroy the file that `other` (or itself) reads or writes. */
bool port_config_clash(const struct port_config *sink, const struct port_config *other);
void port_config_free(struct port_config *cfg);

/* ---- packets -------------------------------------------------------------------------- */

/* Why a packet of a source was not handed on, or one for a sink not sent.   SKIP(id, text) */
#define PORT_SKIPS(SKIP)                                        \
	SKIP(LINKTYPE, "not Ethernet")                          \
	SKIP(SHORT, "shorter than an Ethernet header")          \
	SKIP(LONG, "too long")                                  \
	SKIP(OFFLOAD, "of an unknown kind of segments")         \
	SKIP(RING, "lost, they came faster than they were run") \
	SKIP(UNSENT, "not taken by the device")

enum port_skip {
#define SKIP(id, text) PORT_SKIP_##id,
	PORT_SKIPS(SKIP)
#undef SKIP
		PORT_SKIP_COUNT
};
extern const char *const port_skip_text[PORT_SKIP_COUNT];

struct port_stats {
	uint64_t in_packets, in_bytes;	 /* handed on by the source */
	uint64_t out_packets, out_bytes; /* taken by the sink */
	uint64_t skipped[PORT_SKIP_COUNT];
	char skip_detail[64]; /* e.g. the link type's name, of the first packet skipped */
	char how[96];	      /* of a device: how packets are moved, or what is wrong with it */
	uint64_t reopened;    /* how often the device has come back */
};

/* What came with a packet, and goes out with it. */
struct port_meta {
	struct timespec time;
	uint32_t len;	   /* as received */
	uint32_t wire_len; /* on the wire, if the capture had cut it */
};

struct port_batch {
	uint32_t n;
	struct visor_packet pkts[PORT_BATCH];
	struct port_meta meta[PORT_BATCH];
	void *memory;  /* private: what the pool lies in */
	uint8_t *pool; /* private: the frames */
	uint32_t used; /* private: bytes of the pool taken */
};

/* NULL: no memory. */
struct port_batch *port_batch_new(void);
void port_batch_free(struct port_batch *batch);

/* ---- ports ---------------------------------------------------------------------------- */

struct port;

/* Opens source and sink. cfg is copied. diag names the file or the device. */
int port_open(const struct port_config *cfg, struct port **out, struct visor_diag *diag);

/*
 * Fills the batch with up to `max` (at most PORT_BATCH) packets. Returns their number; 0 at
 * the end of the source (or without one); -EAGAIN if there is nothing just now; another
 * negative errno with diag if the source broke: everything before the break has been handed
 * on by then.
 *
 * The packets may lie in memory of the port: they are there until it is received from again,
 * or closed. What ports have been given of the batch to send must be flushed before the batch
 * is filled again, from whichever port.
 */
int port_receive(struct port *port, struct port_batch *batch, uint32_t max,
		 struct visor_diag *diag);

bool port_has_source(const struct port *port);
bool port_has_sink(const struct port *port);

/* Transmits packet i of a batch as it is now. -ENXIO: there is no sink; -EAGAIN: the device
 * has no room, or is gone, and that is counted. The packet may be read as late as in
 * port_flush; a sink that failed to write once takes no more. */
int port_send(struct port *port, struct port_batch *batch, uint32_t i, struct visor_diag *diag);
/* What was sent is in the hands of the system. A capture file is whole after this. */
int port_flush(struct port *port, struct visor_diag *diag);

/*
 * How to wait for a packet after -EAGAIN: until *fd can be read from (-1: there is none), but
 * at most as many microseconds as it returns.
 */
uint32_t port_wait(const struct port *port, int *fd);

/* Asks the device for what it has lost; receiving does that now and then. The port's thread. */
void port_refresh(struct port *port);

void port_stats(const struct port *port, struct port_stats *out);
/* Closes and frees (NULL: nothing). Reports an error of the last write. */
int port_close(struct port *port, struct visor_diag *diag);

/* ---- the tables ----------------------------------------------------------------------- */

enum port_type { PORT_PATH, PORT_DEVICE, PORT_NUMBER, PORT_CHOICE, PORT_FLAG };
enum port_via { PORT_VIA_AUTO, PORT_VIA_XDP, PORT_VIA_PACKET };
#define PORT_QUEUE_ONLY 1024 /* no queue was named: the device has but one */

/*
 *   KIND(name, type and field of the main value, min, max, help)
 *
 * What a kind can do, source or sink or both, its functions say. A FLAG takes any value
 * (`null:` or `null: true`).
 */
#define PORT_KINDS(KIND)                                                                       \
	KIND(pcap, PATH, path_in, 0, 0, "capture file to read, pcap or pcapng; - is stdin")    \
	KIND(generate, NUMBER, count, 1, UINT64_MAX, "number of packets to generate")          \
	KIND(pcap_out, PATH, path_out, 0, 0, "capture file to write; - is stdout")             \
	KIND(null, FLAG, discard, 0, 0, "takes every packet and forgets it")                   \
	KIND(device, DEVICE, device, 0, 0, "network device to receive from and transmit into") \
	KIND(tap, DEVICE, device, 0, 0, "TAP device to make, or to open: source and sink")

/*
 *   OPTION(kind, name, type, default, min, max, help)   CHOICE(kind, name, help, text 0, ...)
 *
 * The name is the field in struct port_config. Kind `port`: any.
 */
#define PORT_OPTIONS(OPTION, CHOICE)                                                              \
	OPTION(port, ifindex, NUMBER, 0, 1, INT32_MAX, "interface index that programs see")       \
	OPTION(pcap, loop, NUMBER, 1, 1, UINT64_MAX, "times to play the file")                    \
	OPTION(pcap_out, snaplen, NUMBER, PORT_MAX_LEN, 64, PORT_MAX_LEN,                         \
	       "bytes kept of a packet")                                                          \
	OPTION(generate, size, NUMBER, 60, 60, 9216, "bytes of a packet, without frame checksum") \
	OPTION(generate, seed, NUMBER, 1, 0, UINT64_MAX, "of the random numbers")                 \
	OPTION(generate, flows, NUMBER, 1, 1, 65536, "different address and port pairs")          \
	OPTION(generate, rate, NUMBER, 0, 0, UINT32_MAX,                                          \
	       "packets a second; 0: as fast as possible")                                        \
	CHOICE(generate, protocol, "of the packets", "udp", "tcp")                                \
	CHOICE(generate, family, "of the packets", "ipv4", "ipv6")                                \
	CHOICE(device, via, "how packets are moved", "auto", "xdp", "packet")                     \
	CHOICE(device, attach, "the way onto its hook, on the kernel engine", "auto", "native",   \
	       "generic", "tcx", "clsact")                                                        \
	OPTION(device, queue, NUMBER, PORT_QUEUE_ONLY, 0, PORT_QUEUE_ONLY - 1,                    \
	       "the only one to receive from, with xdp")

#endif
