/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map/ring.h - the handle of ring buffers. Its constant part may be read from any thread;
 * the waiting part belongs to ring_wait.c.
 */
#ifndef MAP_RING_H
#define MAP_RING_H

#include <pthread.h>

#include "map/map_impl.h"

struct ring {
	struct map map;
	uint64_t *consumer, *producer; /* positions: count bytes for ever */
	uint8_t *data;
	uint64_t size; /* of the ring, without the overflow area */

	pthread_mutex_t wait_mutex;
	pthread_t waiter;
	pid_t waiter_pid;
	int event_fd; /* -1: nobody asked for it */
	uint32_t stop;
};

/* True if the oldest record may be consumed. Discards records that dead processes left behind. */
bool ring_ready(struct ring *r);
/* Tells all sleepers in all processes. */
void ring_notify(struct ring *r);
void ring_wait_init(struct ring *r);
void ring_wait_stop(struct ring *r);

#endif
