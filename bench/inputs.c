/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inputs.c - the programs of programs.def with what they work on: packets, filled maps, and
 * what the native code makes of them, which all engines must return.
 */
#include "bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The kinds of input of programs.def. */
enum input { RANDOM, EQUAL, PRIME, FRAMES, TLVS, INDEX, KEY, FLOW, TRAFFIC };
#define TRAFFIC_PACKETS 1000

#define PROGRAM(name, size, kind, map, what) uint32_t bench_##name(uint8_t *in, uint32_t size_);
#include "programs/programs.def"
#undef PROGRAM
extern struct native_map *const maglev_map, *const array_map, *const hash_map, *const route_map;

static const struct {
	struct bench_program prog;
	enum input kind;
	struct native_map *const *map;
} table[] = {
#define NO_MAP NULL
#define PROGRAM(name_, size, kind, map, what_) \
	{{.name = #name_, .what = what_, .input_size = size, .native = bench_##name_}, kind, map},
#include "programs/programs.def"
#undef PROGRAM
};

uint64_t bench_scramble(uint64_t i)
{
	i = (i + 1) * 0x9e3779b97f4a7c15u;
	i = (i ^ i >> 30) * 0xbf58476d1ce4e5b9u;
	i = (i ^ i >> 27) * 0x94d049bb133111ebu;
	return i ^ i >> 31;
}

int bench_map_fill(const struct native_map *map,
		   int (*set)(void *to, const void *key, const void *value), void *to)
{
	for (uint32_t i = 0; i < map->max_entries; i++) {
		uint64_t key = map->type == NATIVE_MAP_ARRAY ? i : bench_scramble(i);
		uint64_t value = bench_scramble(key);
		int err = set(to, &key, &value);

		if (err)
			return err;
	}
	return 0;
}

static int native_fill(void *to, const void *key, const void *value)
{
	return native_map_set(to, key, value);
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = v >> 8;
	p[1] = v;
}

/* Frames of 64 bytes: none to two tags, none to two words of options; now and then not UDP. */
static void fill_frames(uint8_t *in, uint32_t size)
{
	for (uint32_t n = 0; n < size / 64; n++) {
		uint8_t *frame = in + n * 64, *p = frame + 12;
		uint32_t header = 20 + n % 3 * 4;

		for (uint32_t tag = 0; tag < n / 2 % 3; tag++, p += 4)
			put16(p, tag ? 0x8100 : 0x88a8);
		put16(p, n % 8 == 5 ? 0x0806 : 0x0800);
		p += 2;
		p[0] = 0x40 | header / 4;
		put16(p + 2, header + 12);
		put16(p + 6, 0x4000);
		p[9] = n % 8 == 6 ? 6 : 17;
		put16(p + header + 4, 12);
	}
}

static void fill_tlvs(uint8_t *in, uint32_t size)
{
	uint32_t pos = 0;

	for (uint32_t n = 0; pos + 32 < size; n++) {
		in[pos] = n % 5 == 0 ? 7 : 1 + bench_scramble(n) % 6;
		in[pos + 1] = 2 + bench_scramble(n + 1000) % 14;
		pos += 2 + in[pos + 1];
	}
	in[pos] = 0;
}

/* A frame with a tag whose addresses are a key of the program's map. */
static void fill_flow(uint8_t *in)
{
	uint64_t key = bench_scramble(77);

	in[6] = 2;
	put16(in + 12, 0x8100);
	put16(in + 16, 0x0800);
	in[18] = 0x45;
	put16(in + 20, 64);
	put16(in + 24, 0x4000);
	in[26] = 64;
	in[27] = 17;
	memcpy(in + 30, &key, 8);
	put16(in + 42, 44);
}

/* Mixed traffic, as an uplink sees it: the header up to the ports, and lengths. */
static uint32_t fill_traffic(uint8_t *in, uint32_t n)
{
	/* Of 16 packets: 6 TCP, 5 UDP, 1 ICMP, 2 IPv6 (TCP and UDP), 1 ARP, 1 tagged UDP. */
	static const struct {
		uint16_t ethertype;
		uint8_t protocol;
	} mix[16] = {
		{0x0800, 6}, {0x0800, 17}, {0x0800, 6},	 {0x86dd, 6}, {0x0800, 17}, {0x0806, 0},
		{0x0800, 6}, {0x0800, 17}, {0x0800, 1},	 {0x0800, 6}, {0x86dd, 17}, {0x0800, 17},
		{0x0800, 6}, {0x8100, 17}, {0x0800, 17}, {0x0800, 6},
	};
	static const uint16_t sizes[8] = {60, 1514, 98, 1514, 60, 590, 66, 342};
	uint64_t random = bench_scramble(n + 5000);
	uint16_t type = mix[random % 16].ethertype, size = sizes[random >> 8 & 7];
	uint8_t protocol = mix[random % 16].protocol, *ip = in + (type == 0x8100 ? 18 : 14);

	if (type == 0x0806)
		size = 60;
	for (uint32_t i = 0; i < size; i++)
		in[i] = bench_scramble((uint64_t)n << 16 | i);
	in[0] &= 0xfe;
	in[6] &= 0xfe;
	put16(in + 12, type);
	if (type == 0x8100)
		put16(in + 16, 0x0800);
	if (type == 0x86dd) {
		put16(ip, 0x6000);
		put16(ip + 4, size - 14 - 40);
		ip[6] = protocol;
	} else if (type == 0x0806) {
		memcpy(ip, "\0\1\x08\0\6\4\0\1", 8);
	} else {
		ip[0] = 0x45;
		put16(ip + 2, size - (ip - in));
		put16(ip + 6, 0x4000);
		ip[9] = protocol;
	}
	return size;
}

static void fill(uint8_t *in, uint32_t size, enum input kind)
{
	uint32_t prime = 1046527;

	for (uint32_t i = 0; i < size; i++)
		in[i] = bench_scramble(i);
	switch (kind) {
	case RANDOM:
	case TRAFFIC:
		break;
	case FLOW:
		fill_flow(in);
		break;
	case EQUAL:
		for (uint32_t i = 0; i < size / 2; i++)
			in[i] = in[size / 2 + i] = i == size / 2 - 1 ? 0 : in[i] | 1;
		break;
	case PRIME:
		memcpy(in, &prime, 4);
		break;
	case FRAMES:
		fill_frames(in, size);
		break;
	case TLVS:
		fill_tlvs(in, size);
		break;
	case INDEX:
		for (uint32_t i = 0; i < size / 4; i++) {
			uint32_t index = bench_scramble(i) % 1024;

			memcpy(in + i * 4, &index, 4);
		}
		break;
	case KEY:
		for (uint32_t i = 0; i < size / 8; i++) {
			uint64_t key = bench_scramble(bench_scramble(i) % 1024);

			memcpy(in + i * 8, &key, 8);
		}
		break;
	}
}

/* The packets of TRAFFIC in one piece, each from the start of a cache line on. */
static int traffic_init(struct bench_program *prog)
{
	uint8_t *at = aligned_alloc(64, TRAFFIC_PACKETS * 1536);

	if (!at)
		return -ENOMEM;
	prog->n_packets = TRAFFIC_PACKETS;
	for (uint32_t i = 0; i < TRAFFIC_PACKETS; i++) {
		prog->packets[i] = (struct bench_packet){at, fill_traffic(at, i)};
		at += (prog->packets[i].size + 63) & ~63u;
	}
	return 0;
}

static int input_init(struct bench_program *prog, enum input kind)
{
	uint8_t *input;

	prog->packets = calloc(TRAFFIC_PACKETS, sizeof(*prog->packets));
	if (!prog->packets)
		return -ENOMEM;
	if (kind == TRAFFIC)
		return traffic_init(prog);
	input = calloc(1, prog->input_size);
	if (!input)
		return -ENOMEM;
	fill(input, prog->input_size, kind);
	prog->packets[0] = (struct bench_packet){input, prog->input_size};
	prog->n_packets = 1;
	return 0;
}

int bench_program_init(struct bench_program *prog, const char *dir)
{
	size_t row = 0;
	int err;

	while (row < sizeof(table) / sizeof(table[0]) && strcmp(table[row].prog.name, prog->name))
		row++;
	if (row == sizeof(table) / sizeof(table[0]))
		return -ENOENT;
	*prog = table[row].prog;
	err = input_init(prog, table[row].kind);
	if (err)
		return err;
	snprintf(prog->object, sizeof(prog->object), "%s/%s.xdp.o", dir, prog->name);
	snprintf(prog->raw_object, sizeof(prog->raw_object), "%s/%s.raw.o", dir, prog->name);
	if (table[row].map) {
		prog->map = *table[row].map;
		err = native_map_init(prog->map);
		if (!err)
			err = bench_map_fill(prog->map, native_fill, prog->map);
		if (err)
			return err;
	}
	for (uint32_t i = 0; i < prog->n_packets; i++)
		prog->want += prog->native(prog->packets[i].data, prog->packets[i].size);
	prog->known = true;
	return 0;
}
