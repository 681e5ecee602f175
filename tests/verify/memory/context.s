# SPDX-License-Identifier: BSD-2-Clause
# The context, and sockets read from it.

=== number-as-pointer socket_filter EACCES R1 invalid mem access 'scalar'
	r1 = 5
	r0 = *(u64 *)(r1 + 0)
	exit

=== number-as-pointer-write xdp EACCES R1 invalid mem access 'scalar'
	r1 = 5
	*(u64 *)(r1 + 0) = 1
	exit

=== moved socket_filter EACCES dereference of modified ctx ptr R1 off=4 disallowed
	r1 += 4
	r0 = *(u32 *)(r1 + 0)
	exit

=== moved-back socket_filter EACCES negative offset ctx ptr R1 off=-4 disallowed
	r1 += -4
	r0 = *(u32 *)(r1 + 0)
	exit

=== variable socket_filter EACCES variable ctx access var_off=(0x0; 0x4) disallowed
	r6 = r1
	call bpf_get_prandom_u32
	r0 &= 4
	r6 += r0
	r0 = *(u32 *)(r6 + 0)
	exit

=== leak socket_filter EACCES R1 leaks addr into ctx
# caps: bpf
	*(u64 *)(r1 + 48) = r1
	r0 = 0
	exit

=== load-is-narrow socket_filter
	*(u32 *)(r1 + 48) = 1
	r0 = *(u32 *)(r1 + 48)
	if r0 > 0xffffffff goto +1
	exit
	r0 = *(u64 *)(r0 + 0)
	exit

=== signed socket_filter
	r0 = *(s8 *)(r1 + 48)
	exit

=== signed-pointer xdp EACCES invalid bpf_context access off=0 size=4
	r0 = *(s32 *)(r1 + 0)
	exit

=== misaligned socket_filter EACCES misaligned context access off 0+0+1 size 4
# strict
	r0 = *(u32 *)(r1 + 1)
	exit

=== socket-maybe-null sched_cls EACCES R1 invalid mem access 'sock_common_or_null'
	r1 = *(u64 *)(r1 + 168)
	r0 = *(u32 *)(r1 + 0)
	exit

=== socket sched_cls
	r1 = *(u64 *)(r1 + 168)
	if r1 == 0 goto +2
	r0 = *(u32 *)(r1 + 0)
	exit
	r0 = 0
	exit

=== socket-beyond sched_cls
	r1 = *(u64 *)(r1 + 168)
	if r1 == 0 goto +2
	r0 = *(u32 *)(r1 + 76)
	exit
	r0 = 0
	exit

=== socket-write sched_cls EACCES R1 cannot write into sock_common
	r1 = *(u64 *)(r1 + 168)
	if r1 == 0 goto +2
	*(u32 *)(r1 + 4) = 1
	exit
	r0 = 0
	exit

=== full-socket sched_cls EACCES R0 invalid sock access off=48 size=8
	r1 = *(u64 *)(r1 + 168)
	if r1 == 0 goto +6
	call bpf_sk_fullsock
	if r0 == 0 goto +4
	r1 = *(u32 *)(r0 + 4)
	r1 = *(u16 *)(r0 + 48)
	r1 = *(u32 *)(r0 + 48)
	r1 = *(u64 *)(r0 + 48)
	r0 = 0
	exit

=== socket-atomic sched_cls EACCES BPF_ATOMIC stores into R1 sock_common is not allowed
	r1 = *(u64 *)(r1 + 168)
	if r1 == 0 goto +3
	r2 = 0
	lock *(u32 *)(r1 + 0) += r2
	exit
	r0 = 0
	exit

=== tcp-socket sched_cls EACCES R0 invalid tcp_sock access off=60 size=8
	r1 = *(u64 *)(r1 + 168)
	if r1 == 0 goto +5
	call bpf_tcp_sock
	if r0 == 0 goto +3
	r1 = *(u32 *)(r0 + 0)
	r1 = *(u64 *)(r0 + 60)
	r1 = *(u64 *)(r0 + 80)
	r0 = 0
	exit

=== flow-keys flow_dissector
	r1 = *(u64 *)(r1 + 144)
	r0 = *(u32 *)(r1 + 0)
	*(u32 *)(r1 + 1) = 5
	r0 = 0
	exit

=== flow-keys-beyond flow_dissector EACCES invalid access to flow keys off=54 size=4
	r1 = *(u64 *)(r1 + 144)
	r0 = *(u32 *)(r1 + 54)
	r0 = 0
	exit

=== flow-keys-write-beyond flow_dissector EACCES invalid access to flow keys off=56 size=8
	r1 = *(u64 *)(r1 + 144)
	*(u64 *)(r1 + 56) = 1
	r0 = 0
	exit

=== flow-keys-misaligned flow_dissector EACCES misaligned flow keys access off 0+0+1 size 4
# strict
	r1 = *(u64 *)(r1 + 144)
	r0 = *(u32 *)(r1 + 1)
	r0 = 0
	exit

=== flow-keys-negative flow_dissector EACCES invalid access to flow keys off=-1 size=4
	r1 = *(u64 *)(r1 + 144)
	r0 = *(u32 *)(r1 - 1)
	r0 = 0
	exit

=== memory syscall
	r0 = *(u64 *)(r1 + 0)
	*(u64 *)(r1 + 8) = r0
	r0 = 0
	exit

=== memory-by-call syscall EACCES R2 type=scalar expected=fp, pkt, pkt_meta, map_key, map_value, mem, ringbuf_mem, buf, trusted_ptr_
	r2 = 8
	r3 = 0
	call bpf_sys_bpf
	r0 = 0
	exit
