/* SPDX-License-Identifier: BSD-2-Clause */
/* Sources deliver what is in the file or was asked for, sinks write it back; nothing is lost
 * without being counted. */
#include <arpa/inet.h>
#include <errno.h>
#include <pcap/pcap.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "port/port.h"

static char dir[] = "/tmp/visor-port-XXXXXX";

static char *path_of(const char *name)
{
	static char paths[4][128];
	static unsigned next;
	char *p = paths[next++ % 4];

	snprintf(p, sizeof(paths[0]), "%s/%s", dir, name);
	return p;
}

/* Options as alternating names and values. */
static int config(struct port_config *cfg, struct visor_diag *d, const char *const *args)
{
	int err = 0;

	port_config_init(cfg);
	for (; args[0] && !err; args += 2)
		err = port_config_set(cfg, args[0], args[1], d);
	return err;
}
#define CONFIG(cfg, d, ...) config(cfg, d, (const char *const[]){__VA_ARGS__, NULL})

static struct port *open_port(const char *const *args)
{
	struct port_config cfg;
	struct visor_diag d = {0};
	struct port *port = NULL;

	if (config(&cfg, &d, args) || port_open(&cfg, &port, &d))
		fail_msg("%s: %s", d.place, d.text);
	port_config_free(&cfg);
	return port;
}
#define OPEN(...) open_port((const char *const[]){__VA_ARGS__, NULL})

/* A capture of n packets; packet i has the length 14 + i % 1000 and its number in each byte. */
static void write_capture(const char *path, int linktype, unsigned n, unsigned cut)
{
	pcap_t *p =
		pcap_open_dead_with_tstamp_precision(linktype, 262144, PCAP_TSTAMP_PRECISION_NANO);
	pcap_dumper_t *out = pcap_dump_open(p, path);
	uint8_t bytes[2000];

	assert_non_null(out);
	for (unsigned i = 0; i < n; i++) {
		struct pcap_pkthdr h = {.ts = {1000 + i, 123456789},
					.caplen = 14 + i % 1000,
					.len = 14 + i % 1000 + cut};

		memset(bytes, (int)i, sizeof(bytes));
		pcap_dump((u_char *)out, &h, bytes);
	}
	pcap_dump_close(out);
	pcap_close(p);
}

static void configuration(void **state)
{
	static const struct {
		const char *args[7], *text;
		int err;
	} cases[] = {
		{{"pcap", "a", "generate", "5"},
		 "'pcap' and 'generate': a port has one source",
		 -EINVAL},
		{{"pcap", ""}, "pcap: the file's name is missing", -EINVAL},
		{{"pcap", "a", "loop", "0"}, "loop: 0 is not in 1..18446744073709551615", -ERANGE},
		{{"pcap", "a", "loop", "x"}, "loop: 'x' is not a number", -EINVAL},
		{{"pcap", "a", "loop", "-1"}, "loop: '-1' is not a number", -EINVAL},
		{{"pcap", "a", "size", "80"}, "option 'size' belongs to 'generate'", -EINVAL},
		{{"generate", "1", "size", "9217"}, "size: 9217 is not in 60..9216", -ERANGE},
		{{"generate", "1", "protocol", "sctp"},
		 "protocol: 'sctp' is neither udp nor tcp",
		 -EINVAL},
		{{"taps", "x"}, "unknown option 'taps' of a port", -EINVAL},
		{{"device", ""}, "device: '' cannot be a device's name", -EINVAL},
		{{"tap", "sixteen-and-more"},
		 "tap: 'sixteen-and-more' cannot be a device's name",
		 -EINVAL},
		{{"device", "a", "tap", "b"}, "'device' and 'tap': a port has one source", -EINVAL},
		{{"pcap_out", "a", "device", "b"},
		 "'pcap_out' and 'device': a port has one sink",
		 -EINVAL},
		{{"device", "a", "via", "dpdk"},
		 "via: 'dpdk' is none of auto, xdp, packet",
		 -EINVAL},
		{{"tap", "a", "queue", "1"}, "option 'queue' belongs to 'device'", -EINVAL},
	};
	struct port_config cfg;
	struct visor_diag d;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(config(&cfg, &d, cases[i].args), cases[i].err);
		assert_string_equal(d.text, cases[i].text);
		port_config_free(&cfg);
	}
	assert_true(port_is_kind("pcap_out") && !port_is_kind("loop"));
	assert_int_equal(CONFIG(&cfg, &d, "pcap", "a", "pcap_out", "b", "loop", "3", "snaplen",
				"100", "ifindex", "7"),
			 0);
	assert_int_equal(cfg.loop, 3);
	assert_int_equal(cfg.snaplen, 100);
	assert_int_equal(cfg.ifindex, 7);
	port_config_free(&cfg);
}

static unsigned receive_all(struct port *port, struct port_batch *batch,
			    void (*each)(const struct port_batch *, uint32_t, unsigned))
{
	unsigned total = 0;
	struct visor_diag d;
	int n;

	while ((n = port_receive(port, batch, PORT_BATCH, &d)) > 0) {
		assert_int_equal(n, batch->n);
		for (int i = 0; i < n; i++)
			each(batch, (uint32_t)i, total++);
	}
	assert_int_equal(n, 0);
	assert_int_equal(port_receive(port, batch, PORT_BATCH, &d), 0);
	return total;
}

static void check_numbered(const struct port_batch *b, uint32_t i, unsigned total)
{
	const struct visor_packet *p = &b->pkts[i];
	unsigned n = total % 2500;

	assert_int_equal(p->len, 14 + n % 1000);
	assert_int_equal(p->end - p->data, p->len);
	assert_int_equal(p->data - p->start, PORT_HEADROOM);
	assert_int_equal(p->stop - p->data, PORT_ROOM);
	assert_ptr_equal(p->meta, p->data);
	assert_int_equal(p->data[0], n & 255);
	assert_int_equal(p->end[-1], n & 255);
	assert_int_equal(b->meta[i].time.tv_sec, 1000 + n);
	assert_int_equal(b->meta[i].time.tv_nsec, 123456789);
	assert_int_equal(b->meta[i].wire_len, p->len + 5);
}

static void reads_captures(void **state)
{
	struct port_batch *batch = port_batch_new();
	struct port_stats st;
	struct port *port;

	write_capture(path_of("in"), DLT_EN10MB, 2500, 5);
	port = OPEN("pcap", path_of("in"), "loop", "3");
	assert_true(port_has_source(port) && !port_has_sink(port));
	assert_int_equal(receive_all(port, batch, check_numbered), 7500);
	port_stats(port, &st);
	assert_int_equal(st.in_packets, 7500);
	assert_int_equal(port_send(port, batch, 0, NULL), -ENXIO);
	port_close(port, NULL);
	port_batch_free(batch);
}

static void counts_what_it_skips(void **state)
{
	struct port_batch *batch = port_batch_new();
	struct port_stats st;
	struct port *port;
	pcap_t *p;
	pcap_dumper_t *out;

	write_capture(path_of("raw"), DLT_RAW, 5, 0);
	port = OPEN("pcap", path_of("raw"));
	assert_int_equal(port_receive(port, batch, 64, NULL), 0);
	port_stats(port, &st);
	assert_int_equal(st.skipped[PORT_SKIP_LINKTYPE], 5);
	assert_string_equal(st.skip_detail, "RAW (link type 12)");
	port_close(port, NULL);

	p = pcap_open_dead(DLT_EN10MB, 262144);
	out = pcap_dump_open(p, path_of("short"));
	for (unsigned i = 0; i < 20; i++) {
		struct pcap_pkthdr h = {.caplen = i, .len = i};

		pcap_dump((u_char *)out, &h, (const u_char *)"01234567890123456789");
	}
	pcap_dump_close(out);
	pcap_close(p);
	port = OPEN("pcap", path_of("short"));
	assert_int_equal(port_receive(port, batch, 64, NULL), 6);
	port_stats(port, &st);
	assert_int_equal(st.skipped[PORT_SKIP_SHORT], 14);
	port_close(port, NULL);
	port_batch_free(batch);
}

/* Packets up to the largest that libpcap reads, among small ones. */
static void long_packets(void **state)
{
	struct port_batch *batch = port_batch_new();
	uint8_t *bytes = calloc(1, PORT_MAX_LEN);
	pcap_t *p = pcap_open_dead(DLT_EN10MB, PORT_MAX_LEN);
	pcap_dumper_t *out = pcap_dump_open(p, path_of("long"));
	static const uint32_t sizes[] = {60,	       PORT_ROOM, PORT_ROOM + 1, 65535,
					 PORT_MAX_LEN, 60,	  9000,		 PORT_MAX_LEN};
	unsigned seen = 0, calls = 0;
	struct port *port;
	int n;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct pcap_pkthdr h = {.caplen = sizes[i], .len = sizes[i]};

		bytes[0] = bytes[sizes[i] - 1] = (uint8_t)i;
		pcap_dump((u_char *)out, &h, bytes);
	}
	pcap_dump_close(out);
	pcap_close(p);
	port = OPEN("pcap", path_of("long"));
	while ((n = port_receive(port, batch, 64, NULL)) > 0) {
		calls++;
		for (int i = 0; i < n; i++, seen++) {
			const struct visor_packet *k = &batch->pkts[i];

			assert_int_equal(k->len, sizes[seen]);
			assert_int_equal(k->data[0], seen);
			assert_int_equal(k->end[-1], seen);
			assert_true(k->stop >= k->end);
		}
	}
	assert_int_equal(n, 0);
	assert_int_equal(seen, ARRAY_SIZE(sizes));
	assert_true(calls >= 3);
	port_close(port, NULL);
	port_batch_free(batch);
	free(bytes);
}

/* A file cut anywhere: the packets before the cut come, then an error with the number. */
static void broken_captures(void **state)
{
	struct port_batch *batch = port_batch_new();
	const char *whole = path_of("whole"), *cut = path_of("cut");
	struct stat st;
	char *bytes;
	FILE *f;

	write_capture(whole, DLT_EN10MB, 70, 0);
	assert_int_equal(stat(whole, &st), 0);
	bytes = malloc((size_t)st.st_size);
	f = fopen(whole, "r");
	assert_int_equal(fread(bytes, 1, (size_t)st.st_size, f), st.st_size);
	fclose(f);
	for (long size = 0; size < st.st_size; size += size < 100 ? 1 : 97) {
		struct port_config cfg;
		struct visor_diag d = {0};
		struct port *port;
		unsigned got = 0;
		char want[200];
		int n;

		f = fopen(cut, "w");
		assert_int_equal(fwrite(bytes, 1, (size_t)size, f), size);
		fclose(f);
		assert_int_equal(CONFIG(&cfg, &d, "pcap", cut), 0);
		n = port_open(&cfg, &port, &d);
		port_config_free(&cfg);
		if (size < 24) {
			assert_int_equal(n, -EIO);
			assert_string_equal(d.place, cut);
			assert_true(d.text[0]);
			continue;
		}
		assert_int_equal(n, 0);
		while ((n = port_receive(port, batch, 64, &d)) > 0)
			got += (unsigned)n;
		if (n) {
			assert_int_equal(n, -EIO);
			snprintf(want, sizeof(want), "%s: packet %u", cut, got + 1);
			assert_string_equal(d.place, want);
			assert_non_null(strstr(d.text, "truncated"));
			assert_int_equal(port_receive(port, batch, 64, &d), 0);
		}
		assert_true(n || size == 24 || got);
		port_close(port, NULL);
	}
	free(bytes);
	port_batch_free(batch);
}

static unsigned count_file(const char *path)
{
	char text[PCAP_ERRBUF_SIZE];
	pcap_t *p = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, text);
	struct pcap_pkthdr *h;
	const u_char *data;
	unsigned n = 0;
	int r;

	assert_non_null(p);
	assert_int_equal(pcap_datalink(p), DLT_EN10MB);
	while ((r = pcap_next_ex(p, &h, &data)) == 1) {
		assert_int_equal(h->ts.tv_sec, 1000 + n % 2500);
		assert_int_equal(h->ts.tv_usec, 123456789);
		assert_int_equal(h->caplen, MIN(14 + n % 2500 % 1000, 200));
		assert_int_equal(h->len, 14 + n % 2500 % 1000 + 5);
		n++;
	}
	assert_int_equal(r, PCAP_ERROR_BREAK);
	pcap_close(p);
	return n;
}

static void writes_captures(void **state)
{
	struct port_batch *batch = port_batch_new();
	struct port_stats st;
	struct port *port;
	struct visor_diag d;
	int n;

	write_capture(path_of("in"), DLT_EN10MB, 2500, 5);
	port = OPEN("pcap", path_of("in"), "pcap_out", path_of("out"), "snaplen", "200");
	assert_int_equal(count_file(path_of("out")), 0); /* a whole file from the beginning */
	while ((n = port_receive(port, batch, 64, &d)) > 0)
		for (int i = 0; i < n; i++)
			assert_int_equal(port_send(port, batch, (uint32_t)i, &d), 0);
	assert_int_equal(port_flush(port, &d), 0);
	assert_int_equal(count_file(path_of("out")), 2500);
	port_stats(port, &st);
	assert_int_equal(st.out_packets, 2500);
	assert_int_equal(st.out_bytes, st.in_bytes);
	assert_int_equal(port_close(port, &d), 0);
	port_batch_free(batch);
}

/* Killed without warning, the writer leaves a file of whole packets. */
/* A tag that a tc program pushed stands beside the packet; on the wire it is in the packet. */
static void writes_vlan_tags(void **state)
{
	static const uint8_t tag[] = {0x88, 0xa8, 0x20, 0x07};
	struct port_batch *batch = port_batch_new();
	const uint8_t *bytes;
	struct pcap_pkthdr *h;
	char err[PCAP_ERRBUF_SIZE];
	uint8_t before[60];
	struct port *port;
	struct visor_diag d;
	pcap_t *p;

	port = OPEN("generate", "1", "size", "60", "pcap_out", path_of("tagged"));
	assert_int_equal(port_receive(port, batch, 64, &d), 1);
	memcpy(before, batch->pkts[0].data, sizeof(before));
	batch->pkts[0].vlan_present = 1;
	batch->pkts[0].vlan_proto = htons(0x88a8);
	batch->pkts[0].vlan_tci = 0x2007;
	assert_int_equal(port_send(port, batch, 0, &d), 0);
	/* It is in the packet now, for whoever else gets it. */
	assert_int_equal(batch->pkts[0].vlan_present, 0);
	assert_int_equal(batch->pkts[0].len, 64);
	/* Without headroom for it the packet must not leave untagged. */
	batch->pkts[0].vlan_present = 1;
	batch->pkts[0].start = batch->pkts[0].data - 3;
	assert_int_equal(port_send(port, batch, 0, &d), -ENOBUFS);
	assert_int_equal(port_close(port, &d), 0);
	p = pcap_open_offline(path_of("tagged"), err);
	assert_int_equal(pcap_next_ex(p, &h, &bytes), 1);
	assert_int_equal(h->caplen, 64);
	assert_memory_equal(bytes, before, 12);
	assert_memory_equal(bytes + 12, tag, 4);
	assert_memory_equal(bytes + 16, before + 12, 48);
	assert_int_equal(pcap_next_ex(p, &h, &bytes), PCAP_ERROR_BREAK);
	pcap_close(p);
	port_batch_free(batch);
}

static void killed_writer(void **state)
{
	pid_t pid;
	int status;

	write_capture(path_of("in"), DLT_EN10MB, 2500, 5);
	pid = fork();
	if (!pid) {
		struct port_batch *batch = port_batch_new();
		struct port *port = OPEN("pcap", path_of("in"), "loop", "3", "pcap_out",
					 path_of("killed"), "snaplen", "200");
		int n;

		while ((n = port_receive(port, batch, 64, NULL)) > 0)
			for (int i = 0; i < n; i++)
				port_send(port, batch, (uint32_t)i, NULL);
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_in_range(count_file(path_of("killed")), 2500, 7500);
}

static void write_errors(void **state)
{
	struct port_config cfg;
	struct visor_diag d;
	struct port *port;
	struct port_batch *batch = port_batch_new();
	int n, err = 0;

	assert_int_equal(CONFIG(&cfg, &d, "pcap_out", "/nonexistent/x.pcap"), 0);
	assert_int_equal(port_open(&cfg, &port, &d), -ENOENT);
	assert_string_equal(d.place, "/nonexistent/x.pcap");
	port_config_free(&cfg);
	write_capture(path_of("in"), DLT_EN10MB, 10, 5);
	assert_int_equal(CONFIG(&cfg, &d, "pcap", path_of("in"), "pcap_out", path_of("in")), 0);
	assert_int_equal(port_open(&cfg, &port, &d), -EINVAL);
	assert_string_equal(d.text, "writing would destroy the file being read");
	port_config_free(&cfg);
	assert_int_equal(
		CONFIG(&cfg, &d, "generate", "100000", "size", "1000", "pcap_out", "/dev/full"), 0);
	err = port_open(&cfg, &port, &d);
	port_config_free(&cfg);
	assert_int_equal(err, -ENOSPC); /* the file's header */
	assert_string_equal(d.place, "/dev/full");
	assert_int_equal(CONFIG(&cfg, &d, "pcap", path_of("nothing")), 0);
	assert_int_equal(port_open(&cfg, &port, &d), -ENOENT);
	assert_string_equal(d.text, "cannot open the capture file");
	port_config_free(&cfg);
	port = OPEN("null", "");
	n = port_receive(port, batch, 64, &d);
	assert_int_equal(n, 0);
	port_close(port, NULL);
	port_batch_free(batch);
}

static uint16_t checksum(uint32_t sum, const uint8_t *p, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* Every generated packet is well formed: lengths, checksums, fields. */
static void check_generated(const struct visor_packet *k, bool v6, bool tcp, uint32_t size)
{
	const uint8_t *p = k->data;
	uint32_t l4 = v6 ? 54 : 34, proto = tcp ? 6 : 17;

	assert_int_equal(k->len, size);
	assert_int_equal(p[12] << 8 | p[13], v6 ? 0x86dd : 0x0800);
	if (v6) {
		assert_int_equal(p[18] << 8 | p[19], size - 54);
		assert_int_equal(p[20], proto);
		assert_int_equal(checksum(size - l4 + proto, p + 22, size - 22), 0xffff);
	} else {
		assert_int_equal(p[16] << 8 | p[17], size - 14);
		assert_int_equal(p[23], proto);
		assert_int_equal(checksum(0, p + 14, 20), 0xffff);
		assert_int_equal(checksum(size - l4 + proto, p + 26, size - 26), 0xffff);
	}
	if (!tcp)
		assert_int_equal(p[l4 + 4] << 8 | p[l4 + 5], size - l4);
}

static void generates(void **state)
{
	static const char *const families[] = {"ipv4", "ipv6"}, *const protocols[] = {"udp", "tcp"};
	static const char *const sizes[] = {"74", "75", "1514", "9216"};
	struct port_batch *batch = port_batch_new();
	uint8_t sources[8] = {0};
	struct port_config cfg;
	struct visor_diag d;
	struct port *port;

	for (int c = 0; c < 16; c++) {
		bool v6 = c & 1, tcp = c & 2;
		unsigned total = 0, distinct = 0;
		int n;

		port = OPEN("generate", "1000", "flows", "8", "size", sizes[c >> 2], "family",
			    families[v6], "protocol", protocols[tcp]);
		memset(sources, 0, sizeof(sources));
		while ((n = port_receive(port, batch, 64, NULL)) > 0)
			for (int i = 0; i < n; i++, total++) {
				check_generated(&batch->pkts[i], v6, tcp,
						(uint32_t)atoi(sizes[c >> 2]));
				sources[batch->pkts[i].data[v6 ? 37 : 29] & 7] = 1;
			}
		for (int i = 0; i < 8; i++)
			distinct += sources[i];
		assert_int_equal(total, 1000);
		assert_int_equal(distinct, 8);
		port_close(port, NULL);
	}
	assert_int_equal(CONFIG(&cfg, &d, "generate", "1", "protocol", "tcp", "family", "ipv6"), 0);
	assert_int_equal(port_open(&cfg, &port, &d), -EINVAL);
	assert_string_equal(d.text, "size 60: the headers alone have 74 bytes");
	port_batch_free(batch);
}

/* The same seed gives the same packets, another seed gives others. */
static void seeds(void **state)
{
	struct port_batch *a = port_batch_new(), *b = port_batch_new();
	struct port *pa = OPEN("generate", "64", "flows", "100", "size", "200");
	struct port *pb = OPEN("generate", "64", "flows", "100", "size", "200");
	struct port *pc = OPEN("generate", "64", "flows", "100", "size", "200", "seed", "2");
	int differ = 0;

	assert_int_equal(port_receive(pa, a, 64, NULL), 64);
	assert_int_equal(port_receive(pb, b, 64, NULL), 64);
	for (int i = 0; i < 64; i++)
		assert_memory_equal(a->pkts[i].data, b->pkts[i].data, 200);
	assert_int_equal(port_receive(pc, b, 64, NULL), 64);
	for (int i = 0; i < 64; i++)
		differ += memcmp(a->pkts[i].data, b->pkts[i].data, 200) != 0;
	assert_true(differ > 50);
	port_close(pa, NULL);
	port_close(pb, NULL);
	port_close(pc, NULL);
	port_batch_free(a);
	port_batch_free(b);
}

static void keeps_a_rate(void **state)
{
	struct port_batch *batch = port_batch_new();
	struct port *port = OPEN("generate", "50", "rate", "1000");
	struct timespec a, b;
	int n, total = 0;

	clock_gettime(CLOCK_MONOTONIC, &a);
	while ((n = port_receive(port, batch, 64, NULL)) != 0) {
		if (n == -EAGAIN) {
			usleep(200);
			continue;
		}
		total += n;
	}
	clock_gettime(CLOCK_MONOTONIC, &b);
	assert_int_equal(total, 50);
	assert_true((b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000 >= 48);
	port_close(port, NULL);
	port_batch_free(batch);
}

static int setup(void **state)
{
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	static const char *const files[] = {"in",    "out", "raw",    "short", "long",
					    "whole", "cut", "killed", "tagged"};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		unlink(path_of(files[i]));
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(configuration),
		cmocka_unit_test(reads_captures),
		cmocka_unit_test(counts_what_it_skips),
		cmocka_unit_test(long_packets),
		cmocka_unit_test(broken_captures),
		cmocka_unit_test(writes_captures),
		cmocka_unit_test(writes_vlan_tags),
		cmocka_unit_test(killed_writer),
		cmocka_unit_test(write_errors),
		cmocka_unit_test(generates),
		cmocka_unit_test(seeds),
		cmocka_unit_test(keeps_a_rate),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
