/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sys/bpf.c - the system call: attribute checks and dispatch from the table of commands.
 *
 * As in the kernel: bytes beyond the union as we know it must be zero (E2BIG), bytes of
 * the union beyond a command's last field, too (EINVAL).
 */
#include "sys/sys.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>

struct sys_command {
	int (*run)(struct visor *v, union bpf_attr *attr, union bpf_attr *uattr);
	size_t end; /* of the last field */
};

static const struct sys_command commands[] = {
#define COMMAND(name, last, handler) \
	[BPF_##name] = {handler,     \
			offsetof(union bpf_attr, last) + sizeof(((union bpf_attr *)0)->last)},
	SYS_COMMANDS(COMMAND)
#undef COMMAND
};

VISOR_EXPORT int visor_engine_bpf(struct visor *v, int cmd, union bpf_attr *uattr,
				  unsigned int size)
{
	union bpf_attr attr;
	const uint8_t *byte = (const uint8_t *)&attr;
	int err = user_tail_zero((uintptr_t)uattr, sizeof(attr), size);

	if (err)
		return err;
	memset(&attr, 0, sizeof(attr));
	err = user_read(&attr, (uintptr_t)uattr, MIN(size, sizeof(attr)));
	if (err)
		return err;
	if (cmd < 0 || (size_t)cmd >= ARRAY_SIZE(commands) || !commands[cmd].run)
		return -EINVAL;
	for (size_t i = commands[cmd].end; i < sizeof(attr); i++)
		if (byte[i])
			return -EINVAL;
	return commands[cmd].run(v, &attr, uattr);
}

struct visor_diag *sys_last_diag(void)
{
	static __thread struct visor_diag last;

	return &last;
}

VISOR_EXPORT void visor_last_diag(struct visor_diag *out)
{
	*out = *sys_last_diag();
	memset(sys_last_diag(), 0, sizeof(*out));
}

int sys_open_mode(uint32_t flags)
{
	switch (flags & (BPF_F_RDONLY | BPF_F_WRONLY)) {
	case 0:
		return O_RDWR;
	case BPF_F_RDONLY:
		return O_RDONLY;
	case BPF_F_WRONLY:
		return O_WRONLY;
	default:
		return -EINVAL;
	}
}

int sys_name_check(const char name[BPF_OBJ_NAME_LEN])
{
	for (size_t i = 0; i < BPF_OBJ_NAME_LEN; i++) {
		if (!name[i])
			return 0;
		if (!isascii((unsigned char)name[i]) ||
		    (!isalnum((unsigned char)name[i]) && name[i] != '_' && name[i] != '.'))
			return -EINVAL;
	}
	return -EINVAL;
}
