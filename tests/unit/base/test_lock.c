/* SPDX-License-Identifier: BSD-2-Clause */
/* A lock excludes, across threads and processes; it outlives its owner; it knows itself. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/lock.h"

#define ROUNDS 20000

struct shared {
	uint32_t lock;
	uint64_t count; /* plain: only the lock protects it */
	uint32_t ready;
};

static struct shared *shared_new(void)
{
	struct shared *s =
		mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(s, MAP_FAILED);
	return s;
}

static void *count_up(void *arg)
{
	struct shared *s = arg;
	uint32_t i;

	for (i = 0; i < ROUNDS; i++) {
		if (lock_acquire(&s->lock) != LOCK_TAKEN)
			return arg;
		s->count++;
		lock_release(&s->lock);
	}
	return NULL;
}

static void excludes(void **state)
{
	struct shared *s = shared_new();
	pthread_t threads[3];
	void *failed;
	int i, status;
	pid_t pid = fork();

	if (!pid)
		_exit(count_up(s) != NULL);
	for (i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count_up, s), 0);
	for (i = 0; i < 3; i++) {
		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(s->count, 4 * ROUNDS);
	assert_int_equal(s->lock, 0);
	munmap(s, sizeof(*s));
}

/* Killed with the lock in hand; `reaped`: a zombie owns nothing, either. */
static void inherited(bool reaped)
{
	struct shared *s = shared_new();
	pid_t pid = fork();

	if (!pid) {
		lock_acquire(&s->lock);
		__atomic_store_n(&s->ready, 1, __ATOMIC_RELEASE);
		for (;;)
			pause();
	}
	while (!__atomic_load_n(&s->ready, __ATOMIC_ACQUIRE))
		usleep(1000);
	kill(pid, SIGKILL);
	if (reaped)
		assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(lock_acquire(&s->lock), LOCK_INHERITED);
	lock_release(&s->lock);
	assert_int_equal(lock_acquire(&s->lock), LOCK_TAKEN);
	lock_release(&s->lock);
	if (!reaped)
		waitpid(pid, NULL, 0);
	munmap(s, sizeof(*s));
}

static void outlives_its_owner(void **state)
{
	inherited(true);
	inherited(false);
}

static void *take(void *arg)
{
	lock_acquire(arg);
	return NULL;
}

/* The owner was one thread of a process that lives on. */
static void outlives_a_thread(void **state)
{
	uint32_t word = 0;
	pthread_t t;

	assert_int_equal(pthread_create(&t, NULL, take, &word), 0);
	pthread_join(t, NULL);
	assert_int_not_equal(word, 0);
	assert_int_equal(lock_acquire(&word), LOCK_INHERITED);
	lock_release(&word);
}

/* A live thread with the dead owner's id is not the owner. */
static void is_not_fooled_by_a_reused_id(void **state)
{
	uint32_t self = lock_self(), tag = self >> 22;
	uint32_t other = (self & ((1u << 22) - 1)) | (tag == 5 ? 6u : 5u) << 22;

	assert_int_equal(self & ((1u << 22) - 1), syscall(SYS_gettid));
	assert_int_not_equal(tag, 0);
	assert_false(lock_owner_dead(self));
	assert_true(lock_owner_dead(other));
	assert_false(lock_owner_dead(0));
}

static void gives_up(void **state)
{
	struct shared *s = shared_new();
	pid_t pid = fork();

	if (!pid) {
		lock_acquire(&s->lock);
		__atomic_store_n(&s->ready, 1, __ATOMIC_RELEASE);
		for (;;)
			pause();
	}
	while (!__atomic_load_n(&s->ready, __ATOMIC_ACQUIRE))
		usleep(1000);
	assert_int_equal(lock_acquire(&s->lock), -ETIMEDOUT); /* alive, but asleep */
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_int_equal(lock_acquire(&s->lock), LOCK_INHERITED);
	assert_int_equal(lock_acquire(&s->lock), -EDEADLK);
	lock_release(&s->lock);
	munmap(s, sizeof(*s));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(excludes),	     cmocka_unit_test(outlives_its_owner),
		cmocka_unit_test(outlives_a_thread), cmocka_unit_test(is_not_fooled_by_a_reused_id),
		cmocka_unit_test(gives_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
