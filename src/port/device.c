/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * port/device.c - a network device by name: the way that works, and again when it comes back.
 *
 * A device may be taken away and another of its name appear, while packets flow elsewhere. The
 * port then has nothing to receive, counts what it cannot send, and looks for it now and then;
 * it never waits.
 */
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "port/kind.h"
#include "port/netdev.h"

#define DEVICE_LOOK  20	   /* milliseconds: how often an idle device is looked at */
#define DEVICE_RETRY 200   /* and one that is gone */
#define DEVICE_WAIT  20000 /* microseconds to wait for one that is gone */

struct device {
	struct port_config cfg; /* of it: device, via, queue */
	const struct port_ops *ops;
	void *state; /* NULL: the device is gone */
	int index;
	uint64_t next; /* milliseconds: when to look */
};

static uint64_t device_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int device_start(struct device *d, struct port_stats *stats, struct visor_diag *diag)
{
	struct visor_diag why = {0};
	int err = -EOPNOTSUPP;

	d->index = netdev_index(d->cfg.device);
	if (d->cfg.via != PORT_VIA_PACKET) {
		d->ops = &port_ops_xdp;
		err = d->ops->open(&d->cfg, &d->state, stats, &why);
		/* Of a device that is not there or down nobody can say what it will be able to. */
		if (!err || d->cfg.via == PORT_VIA_XDP || err == -ENODEV || err == -ENETDOWN) {
			if (err && diag)
				*diag = why;
			return err;
		}
	}
	d->ops = &port_ops_packet;
	err = d->ops->open(&d->cfg, &d->state, stats, diag);
	if (!err && why.err)
		snprintf(stats->how, sizeof(stats->how), "packet (not xdp: %.70s)", why.text);
	return err;
}

static int device_close(void *state, struct visor_diag *diag)
{
	struct device *d = state;

	if (d->state)
		d->ops->close(d->state, NULL);
	free(d->cfg.device);
	free(d);
	return 0;
}

static int device_open(const struct port_config *cfg, void **state, struct port_stats *stats,
		       struct visor_diag *diag)
{
	struct device *d = calloc(1, sizeof(*d));
	int err;

	if (!d)
		return diag_fail(diag, -ENOMEM, "port", "no memory");
	d->cfg.device = strdup(cfg->device);
	d->cfg.via = cfg->via;
	d->cfg.queue = cfg->queue;
	d->cfg.send_only = cfg->send_only;
	err = d->cfg.device ? device_start(d, stats, diag)
			    : diag_fail(diag, -ENOMEM, "port", "no memory");
	if (err) {
		device_close(d, NULL);
		return err;
	}
	*state = d;
	return 0;
}

/* Is it still there? One of its name that is another means: no. */
static void device_look(struct device *d, struct port_stats *stats)
{
	int fd, err;
	socklen_t size = sizeof(err);

	d->ops->refresh(d->state, stats);
	/* An error that waits on the socket, of a device that is only down, would wake us for ever.
	 */
	d->ops->wait(d->state, &fd);
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &size);
	if (netdev_index(d->cfg.device) == d->index)
		return;
	d->ops->close(d->state, NULL);
	d->state = NULL;
	d->next = 0;
	snprintf(stats->how, sizeof(stats->how), "gone: waiting for a device '%s'", d->cfg.device);
}

static void device_return(struct device *d, struct port_stats *stats)
{
	struct visor_diag why = {0};
	int err = device_start(d, stats, &why);

	if (!err)
		stats->reopened++;
	else if (err != -ENODEV)
		snprintf(stats->how, sizeof(stats->how), "gone: the one that came back: %.60s",
			 why.text);
}

/* Looks at the device if it is time. No packet of a batch may lie in its memory. */
static void device_tend(struct device *d, struct port_stats *stats)
{
	uint64_t now = device_now();

	if (now < d->next)
		return;
	if (d->state)
		device_look(d, stats);
	if (!d->state)
		device_return(d, stats);
	d->next = now + (d->state ? DEVICE_LOOK : DEVICE_RETRY);
}

static int device_receive(void *state, struct port_batch *batch, uint32_t max,
			  struct port_stats *stats, struct visor_diag *diag)
{
	struct device *d = state;

	device_tend(d, stats);
	return d->state ? d->ops->receive(d->state, batch, max, stats, diag) : -EAGAIN;
}

static int device_send(void *state, const struct visor_packet *pkt, const struct port_meta *meta,
		       struct port_stats *stats, struct visor_diag *diag)
{
	struct device *d = state;

	if (d->state)
		return d->ops->send(d->state, pkt, meta, stats, diag);
	stats->skipped[PORT_SKIP_UNSENT]++;
	return -EAGAIN;
}

static int device_flush(void *state, struct port_stats *stats, struct visor_diag *diag)
{
	struct device *d = state;

	/* What is wrong shows when it is looked at. */
	if (d->state && d->ops->flush(d->state, stats, diag))
		d->next = 0;
	if (d->cfg.send_only)
		device_tend(d, stats);
	return 0;
}

static uint32_t device_wait(const void *state, int *fd)
{
	const struct device *d = state;

	return d->state ? d->ops->wait(d->state, fd) : DEVICE_WAIT;
}

static void device_refresh(void *state, struct port_stats *stats)
{
	struct device *d = state;

	if (d->state)
		d->ops->refresh(d->state, stats);
}

const struct port_ops port_ops_device = {
	.open = device_open,
	.receive = device_receive,
	.send = device_send,
	.flush = device_flush,
	.wait = device_wait,
	.refresh = device_refresh,
	.close = device_close,
};
