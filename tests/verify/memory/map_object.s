# SPDX-License-Identifier: BSD-2-Clause
# The map object behind its pointer.

=== read socket_filter
# map: m hash 4 16 2
	r1 = map[m]
	r0 = *(u32 *)(r1 + 0)
	r0 = 0
	exit

=== follow socket_filter EACCES R1 invalid mem access 'scalar'
# map: m hash 4 16 2
	r1 = map[m]
	r1 = *(u64 *)(r1 + 0)
	r0 = *(u64 *)(r1 + 0)
	r0 = 0
	exit

=== inside-number socket_filter
# map: m hash 4 16 2
	r1 = map[m]
	r1 = *(u32 *)(r1 + 1)
	r0 = 0
	exit

=== write socket_filter EACCES only read from bpf_htab is supported
# map: m hash 4 16 2
	r1 = map[m]
	*(u32 *)(r1 + 0) = 1
	r0 = 0
	exit

=== negative socket_filter EACCES R1 is bpf_htab invalid negative access: off=-4
# map: m hash 4 16 2
	r1 = map[m]
	r0 = *(u32 *)(r1 - 4)
	r0 = 0
	exit

=== unpriv socket_filter EPERM 'struct bpf_htab' access is allowed only to CAP_PERFMON and CAP_SYS_ADMIN
# map: m hash 4 16 2
# caps: bpf
	r1 = map[m]
	r0 = *(u32 *)(r1 + 0)
	r0 = 0
	exit

=== beyond socket_filter EACCES access beyond struct bpf_htab at off 4000 size 8
# map: m hash 4 16 2
	r1 = map[m]
	r0 = *(u64 *)(r1 + 4000)
	r0 = 0
	exit

=== without-gpl socket_filter,not-gpl
# map: m hash 4 16 2
	r1 = map[m]
	r0 = *(u32 *)(r1 + 24)
	r0 = 0
	exit
