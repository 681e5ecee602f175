/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * port/tap.c - a TAP device: what the host sends into it is received here, and the reverse.
 *
 * It is made if there is none of the name, and then goes with this process. One frame is one
 * read or write; the kernel has completed checksums and cut segments by then.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "port/kind.h"
#include "port/netdev.h"

#define TAP_RETRY 200	/* milliseconds */
#define TAP_WAIT  20000 /* microseconds */

struct tap {
	int fd; /* -1: the device was taken away, and could not be made again */
	char *name;
	uint32_t pending; /* bytes in `whole` of one that found the batch full */
	uint8_t *whole;
	uint64_t next; /* milliseconds: when to try again */
};

static int tap_close(void *state, struct visor_diag *diag)
{
	struct tap *t = state;

	if (t->fd >= 0)
		close(t->fd);
	free(t->whole);
	free(t->name);
	free(t);
	return 0;
}

static int tap_start(struct tap *t, struct port_stats *stats, struct visor_diag *diag)
{
	struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI};
	int err;

	t->fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (t->fd < 0)
		return netdev_fail(diag, -errno, "/dev/net/tun", "cannot open it", "CAP_NET_ADMIN");
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", t->name);
	err = ioctl(t->fd, TUNSETIFF, &ifr) ? -errno : netdev_up(t->name);
	if (!err) {
		snprintf(stats->how, sizeof(stats->how), "tap");
		return 0;
	}
	close(t->fd);
	t->fd = -1;
	netdev_fail(diag, err, t->name,
		    err == -EBUSY    ? "another process has the TAP device open"
		    : err == -EINVAL ? "there is a device of this name that is no TAP device"
				     : "cannot make the TAP device",
		    "CAP_NET_ADMIN");
	return err;
}

static int tap_open(const struct port_config *cfg, void **state, struct port_stats *stats,
		    struct visor_diag *diag)
{
	struct tap *t = calloc(1, sizeof(*t));
	int err;

	if (!t)
		return diag_fail(diag, -ENOMEM, "port", "no memory");
	t->fd = -1;
	t->name = strdup(cfg->device);
	t->whole = malloc(PORT_MAX_LEN);
	err = t->name && t->whole ? tap_start(t, stats, diag)
				  : diag_fail(diag, -ENOMEM, "port", "no memory");
	if (err) {
		tap_close(t, NULL);
		return err;
	}
	*state = t;
	return 0;
}

static uint64_t tap_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void tap_gone(struct tap *t, struct port_stats *stats)
{
	close(t->fd);
	t->fd = -1;
	snprintf(stats->how, sizeof(stats->how), "gone: making '%s' again", t->name);
}

static void tap_return(struct tap *t, struct port_stats *stats)
{
	struct visor_diag why = {0};

	if (tap_now() < t->next)
		return;
	t->next = tap_now() + TAP_RETRY;
	if (!tap_start(t, stats, &why))
		stats->reopened++;
	else
		snprintf(stats->how, sizeof(stats->how), "gone: %.80s", why.text);
}

static struct visor_packet *tap_take(struct port_batch *batch, uint32_t len,
				     const struct timespec *now)
{
	struct visor_packet *pkt = port_batch_take(batch, len);

	if (pkt)
		batch->meta[batch->n - 1] =
			(struct port_meta){.time = *now, .len = len, .wire_len = len};
	return pkt;
}

static int tap_receive(void *state, struct port_batch *batch, uint32_t max,
		       struct port_stats *stats, struct visor_diag *diag)
{
	struct tap *t = state;
	struct visor_packet *pkt;
	struct timespec now;
	ssize_t n;

	if (t->fd < 0)
		tap_return(t, stats);
	clock_gettime(CLOCK_REALTIME, &now);
	while (t->fd >= 0 && batch->n < max) {
		if (!t->pending) {
			n = read(t->fd, t->whole, PORT_MAX_LEN);
			if (n < 0 && errno == EINTR)
				continue;
			/* EIO: it is down. */
			if (n < 0 && errno != EAGAIN && errno != EIO)
				tap_gone(t, stats);
			if (n < 0)
				break;
			if (n < ETH_HLEN) {
				stats->skipped[PORT_SKIP_SHORT]++;
				continue;
			}
			t->pending = (uint32_t)n;
		}
		pkt = tap_take(batch, t->pending, &now);
		if (!pkt)
			break;
		memcpy(pkt->data, t->whole, t->pending);
		t->pending = 0;
	}
	return batch->n ? (int)batch->n : -EAGAIN;
}

static int tap_send(void *state, const struct visor_packet *pkt, const struct port_meta *meta,
		    struct port_stats *stats, struct visor_diag *diag)
{
	struct tap *t = state;
	ssize_t n = -1;

	while (t->fd >= 0 && n < 0) {
		n = write(t->fd, pkt->data, (size_t)(pkt->end - pkt->data));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN && errno != EIO && errno != EINVAL)
			tap_gone(t, stats);
		if (n < 0)
			break;
	}
	if (n >= 0)
		return 0;
	stats->skipped[PORT_SKIP_UNSENT]++;
	return -EAGAIN;
}

static int tap_flush(void *state, struct port_stats *stats, struct visor_diag *diag)
{
	return 0;
}

static uint32_t tap_wait(const void *state, int *fd)
{
	const struct tap *t = state;

	*fd = t->fd;
	return TAP_WAIT;
}

const struct port_ops port_ops_tap = {
	.open = tap_open,
	.receive = tap_receive,
	.send = tap_send,
	.flush = tap_flush,
	.wait = tap_wait,
	.close = tap_close,
};
