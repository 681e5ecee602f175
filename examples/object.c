/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Embedding an object file: loads a module and sends one packet through it.
 * Build: cc object.c -lvisor-object -lvisor -lbpf      Run: ./object counter.o
 */
#include <stdio.h>
#include <visor/object.h>

int main(int argc, char **argv)
{
	uint8_t frame[1024] = {0};
	struct visor_object *obj;
	struct visor_packet pkt;
	struct visor_diag diag;
	const char *name;
	struct visor *v;

	if (argc < 2) {
		fprintf(stderr, "usage: object FILE.o\n");
		return 2;
	}
	if (visor_open(NULL, &v, &diag) || visor_object_load(v, argv[1], &obj, &diag))
		goto fail;
	for (uint32_t i = 0; (name = visor_object_map_name(obj, i)); i++)
		printf("map %s\n", name);
	for (uint32_t i = 0; (name = visor_object_prog_name(obj, i)); i++) {
		visor_packet_init(&pkt, frame, sizeof(frame), 256, 64);
		if (visor_prog_run(visor_object_prog(obj, name), &pkt, &diag))
			goto fail;
		printf("program %s: verdict %u\n", name, pkt.verdict);
	}
	visor_object_close(obj);
	visor_close(v);
	return 0;
fail:
	visor_diag_print(&diag, stderr);
	return 1;
}
