/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map/ring_wait.c - waiting for records, with poll(2) and across processes.
 *
 *    producer (any process)          shared head page        consumer's process
 *    ring_notify: wake++, FUTEX_WAKE -----> wake -----> waiter thread -> eventfd -> epoll
 *
 * A futex word in shared memory reaches every process that has the file, without names or
 * registration, but cannot be polled. So a process that asks for a pollable descriptor gets
 * an eventfd and a thread that translates. The thread also looks every RING_LOOK_MS for
 * records that nobody announced: a producer that died, or a consumer whose position was not
 * published before it looked (libbpf's consumer relies on the kernel checking when it polls).
 *
 * The eventfd is written again as long as records wait, so a consumer may register it
 * edge-triggered and never read it, or level-triggered and read it before it consumes.
 * Threads do not survive fork: a child that wants to wait asks for its own descriptor.
 */
#include "map/ring.h"

#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define RING_LOOK_MS	  200
#define RING_WAITER_STACK (64u << 10)

void ring_notify(struct ring *r)
{
	struct map_ring_state *state = &r->map.head->ring;

	__atomic_add_fetch(&state->wake, 1, __ATOMIC_SEQ_CST);
	/* A flag that a dead waiter left behind costs one system call. */
	if (__atomic_load_n(&state->waiters, __ATOMIC_SEQ_CST) &&
	    __atomic_exchange_n(&state->waiters, 0, __ATOMIC_SEQ_CST))
		lock_wake_word(&state->wake);
}

static void *ring_waiter(void *arg)
{
	struct ring *r = arg;
	struct map_ring_state *state = &r->map.head->ring;
	uint32_t seen = shared_load(&state->wake), now;
	const uint64_t one = 1;

	for (;;) {
		__atomic_store_n(&state->waiters, 1, __ATOMIC_SEQ_CST);
		now = __atomic_load_n(&state->wake, __ATOMIC_SEQ_CST);
		if (shared_load_acquire(&r->stop))
			break;
		/* The write fails only if the counter is full: then it is readable anyway. */
		if ((now != seen || ring_ready(r)) && write(r->event_fd, &one, sizeof(one)) < 0 &&
		    errno != EAGAIN)
			break;
		seen = now;
		lock_wait_word(&state->wake, now, RING_LOOK_MS);
	}
	return NULL;
}

static int ring_start_waiter(struct ring *r)
{
	sigset_t all, old;
	pthread_attr_t attr;
	int err;

	err = pthread_attr_init(&attr);
	if (err)
		return -err;
	pthread_attr_setstacksize(&attr,
				  MAX(RING_WAITER_STACK, (size_t)sysconf(_SC_THREAD_STACK_MIN)));
	sigfillset(&all); /* signals are the program's business, not this thread's */
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&r->waiter, &attr, ring_waiter, r);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return -err;
}

int ringbuf_wait_fd(struct map *map)
{
	struct ring *r = (struct ring *)map;
	int err = 0;

	if (map->readonly)
		return -EPERM;
	pthread_mutex_lock(&r->wait_mutex);
	if (r->event_fd >= 0 && r->waiter_pid == getpid())
		goto out;
	if (r->event_fd >= 0)
		close(r->event_fd); /* the parent's; its waiter thread feeds the parent's copy */
	r->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (r->event_fd < 0) {
		err = -errno;
		goto out;
	}
	err = ring_start_waiter(r);
	if (err) {
		close(r->event_fd);
		r->event_fd = -1;
		goto out;
	}
	r->waiter_pid = getpid();
out:
	pthread_mutex_unlock(&r->wait_mutex);
	return err ? err : r->event_fd;
}

void ring_wait_init(struct ring *r)
{
	pthread_mutex_init(&r->wait_mutex, NULL);
	r->event_fd = -1;
}

void ring_wait_stop(struct ring *r)
{
	if (r->event_fd >= 0 && r->waiter_pid == getpid()) {
		shared_publish(&r->stop, 1);
		ring_notify(r);
		pthread_join(r->waiter, NULL);
	}
	if (r->event_fd >= 0)
		close(r->event_fd);
	pthread_mutex_destroy(&r->wait_mutex);
}
