# SPDX-License-Identifier: BSD-2-Clause
# Values of maps: bounds, rights, special fields, constants.

=== read socket_filter
# map: m array 4 16 1
	r1 = map[m][0] +0
	r0 = *(u64 *)(r1 + 8)
	exit

=== above socket_filter EACCES R1 min value is outside of the allowed memory range
# map: m array 4 16 1
	r1 = map[m][0] +0
	r0 = *(u64 *)(r1 + 9)
	exit

=== below socket_filter EACCES R1 min value is outside of the allowed memory range
# map: m array 4 16 1
	r1 = map[m][0] +0
	r0 = *(u64 *)(r1 - 1)
	exit

=== unbounded socket_filter EINVAL math between map_value pointer and register with unbounded min value is not allowed
# map: m array 4 16 1
	call bpf_get_prandom_u32
	r1 = map[m][0] +0
	r1 += r0
	r0 = *(u8 *)(r1 + 0)
	exit

=== bounded socket_filter
# map: m array 4 16 1
	call bpf_get_prandom_u32
	r0 &= 15
	r1 = map[m][0] +0
	r1 += r0
	r0 = *(u8 *)(r1 + 0)
	exit

=== bounded-above socket_filter EACCES R1 max value is outside of the allowed memory range
# map: m array 4 16 1
	call bpf_get_prandom_u32
	r0 &= 15
	r1 = map[m][0] +0
	r1 += r0
	r0 = *(u8 *)(r1 + 1)
	exit

=== subtracted socket_filter EACCES R1 min value is negative, either use unsigned index or do a if (index >=0) check.
# map: m array 4 16 1
	call bpf_get_prandom_u32
	r0 &= 15
	r1 = map[m][0] +0
	r1 -= r0
	r0 = *(u8 *)(r1 + 1)
	exit

=== negative socket_filter EINVAL value -2147483648 makes map_value pointer be out of bounds
# map: m array 4 16 1
	call bpf_get_prandom_u32
	r0 <<= 32
	r0 s>>= 32
	r1 = map[m][0] +0
	r1 += r0
	r0 = *(u8 *)(r1 + 1)
	exit

=== misaligned socket_filter EACCES misaligned value access off 0+0+1 size 4
# map: m array 4 16 1
# strict
	r1 = map[m][0] +0
	r0 = *(u32 *)(r1 + 1)
	exit

=== leak socket_filter EACCES R1 leaks addr into map
# map: m array 4 16 1
# caps: bpf
	r1 = map[m][0] +0
	*(u64 *)(r1 + 0) = r1
	r0 = 0
	exit

=== leak-privileged socket_filter
# map: m array 4 16 1
	r1 = map[m][0] +0
	*(u64 *)(r1 + 0) = r1
	r0 = 0
	exit

=== write-protected socket_filter EACCES write into map forbidden, value_size=16 off=0 size=8
# map: m array 4 16 1 0x80
	r1 = map[m][0] +0
	*(u64 *)(r1 + 0) = 1
	r0 = 0
	exit

=== read-protected socket_filter EACCES read from map forbidden, value_size=16 off=0 size=8
# map: m array 4 16 1 0x100
	r1 = map[m][0] +0
	r0 = *(u64 *)(r1 + 0)
	exit

=== maybe-null socket_filter EACCES R0 invalid mem access 'map_value_or_null'
# map: m hash 4 16 1
	*(u32 *)(r10 - 4) = 0
	r2 = r10
	r2 += -4
	r1 = map[m]
	call bpf_map_lookup_elem
	r0 = *(u64 *)(r0 + 0)
	exit

=== maybe-null-misaligned socket_filter EACCES misaligned access off 0+0+1 size 8
# strict
# map: m hash 4 16 1
	*(u32 *)(r10 - 4) = 0
	r2 = r10
	r2 += -4
	r1 = map[m]
	call bpf_map_lookup_elem
	r0 = *(u64 *)(r0 + 1)
	exit

=== constant socket_filter
# map: m array 4 16 1
# text: m abcdefgh
	r1 = map[m][0] +0
	r0 = *(u32 *)(r1 + 0)
	if r0 == 0x64636261 goto +1
	r0 = *(u64 *)(r0 + 0)
	exit

=== constant-signed socket_filter
# map: m array 4 16 1
# text: m abcdefgh
	r1 = map[m][0] +0
	r0 = *(s16 *)(r1 + 2)
	if r0 == 0x6463 goto +1
	r0 = *(u64 *)(r0 + 0)
	exit

=== constant-of-many socket_filter ENOTSUPP
# map: m array 4 16 2
# text: m abcdefgh
	*(u32 *)(r10 - 4) = 0
	r2 = r10
	r2 += -4
	r1 = map[m]
	call bpf_map_lookup_elem
	if r0 == 0 goto +1
	r0 = *(u64 *)(r0 + 0)
	r0 = 0
	exit

=== constant-variable-offset socket_filter EACCES R0 invalid mem access 'scalar'
# map: m array 4 16 1
# text: m abcdefgh
	call bpf_get_prandom_u32
	r0 &= 7
	r1 = map[m][0] +0
	r1 += r0
	r0 = *(u8 *)(r1 + 0)
	if r0 == 5 goto +1
	r0 = *(u64 *)(r0 + 0)
	exit

=== lock-read sched_cls EACCES bpf_spin_lock cannot be accessed directly by load/store
# map: m array 4 16 1
# field: m 0 u64
# field: m 8 bpf_spin_lock
	r1 = map[m][0] +0
	r0 = *(u32 *)(r1 + 8)
	exit

=== lock-in-range sched_cls EACCES bpf_spin_lock cannot be accessed directly by load/store
# map: m array 4 16 1
# field: m 0 u64
# field: m 8 bpf_spin_lock
	call bpf_get_prandom_u32
	r0 &= 7
	r1 = map[m][0] +0
	r1 += r0
	*(u8 *)(r1 + 1) = 1
	r0 = 0
	exit

=== lock-read-by-call sched_cls EACCES bpf_spin_lock cannot be accessed directly by load/store
# map: m array 4 16 1
# field: m 0 u64
# field: m 8 bpf_spin_lock
	r1 = map[m][0] +0
	r2 = 16
	r3 = 0
	r4 = 0
	r5 = 0
	call bpf_csum_diff
	r0 = 0
	exit

=== kptr-maybe-null sched_cls EACCES R1 invalid mem access 'untrusted_ptr_or_null_'
# map: m array 4 16 1
# field: m 0 kptr_untrusted task_struct
	r1 = map[m][0] +0
	r1 = *(u64 *)(r1 + 0)
	r0 = *(u32 *)(r1 + 0)
	r0 = 0
	exit

=== kptr-untrusted sched_cls
# map: m array 4 16 1
# field: m 0 kptr_untrusted task_struct
	r1 = map[m][0] +0
	r1 = *(u64 *)(r1 + 0)
	if r1 == 0 goto +1
	r0 = *(u32 *)(r1 + 16)
	r0 = 0
	exit

=== kptr-size sched_cls EACCES kptr access size must be BPF_DW
# map: m array 4 16 1
# field: m 0 kptr_untrusted task_struct
	r1 = map[m][0] +0
	r2 = *(u32 *)(r1 + 0)
	r0 = 0
	exit

=== kptr-misaligned sched_cls EACCES kptr access misaligned expected=0 off=4
# map: m array 4 16 1
# field: m 0 kptr_untrusted task_struct
	r1 = map[m][0] +0
	r2 = *(u64 *)(r1 + 4)
	r0 = 0
	exit

=== kptr-store-null sched_cls
# map: m array 4 16 1
# field: m 0 kptr_untrusted task_struct
	r1 = map[m][0] +0
	*(u64 *)(r1 + 0) = 0
	r2 = 0
	*(u64 *)(r1 + 0) = r2
	r0 = 0
	exit

=== kptr-store-number sched_cls EACCES BPF_ST imm must be 0 when storing to kptr at off=0
# map: m array 4 16 1
# field: m 0 kptr_untrusted task_struct
	r1 = map[m][0] +0
	*(u64 *)(r1 + 0) = 1
	r0 = 0
	exit

=== kptr-store-scalar sched_cls EACCES invalid kptr access, R2 type=scalar expected=ptr_task_struct or untrusted_ptr_task_struct
# map: m array 4 16 1
# field: m 0 kptr_untrusted task_struct
	r1 = map[m][0] +0
	r2 = 1
	*(u64 *)(r1 + 0) = r2
	r0 = 0
	exit

=== kptr-referenced-store sched_cls EACCES store to referenced kptr disallowed
# map: m array 4 16 1
# field: m 0 kptr task_struct
	r1 = map[m][0] +0
	r2 = 0
	*(u64 *)(r1 + 0) = r2
	r0 = 0
	exit

=== kptr-variable sched_cls EACCES kptr access cannot have variable offset
# map: m array 4 16 1
# field: m 0 kptr_untrusted task_struct
	call bpf_get_prandom_u32
	r0 &= 8
	r1 = map[m][0] +0
	r1 += r0
	r2 = *(u64 *)(r1 + 0)
	r0 = 0
	exit

=== kptr-atomic sched_cls EACCES kptr in map can only be accessed using BPF_MEM instruction mode
# map: m array 4 16 1
# field: m 0 kptr_untrusted task_struct
	r1 = map[m][0] +0
	r2 = 1
	lock *(u64 *)(r1 + 0) += r2
	r0 = 0
	exit

=== kptr-read-by-call sched_cls EACCES kptr cannot be accessed indirectly by helper
# map: m array 4 16 1
# field: m 0 kptr_untrusted task_struct
	r1 = map[m][0] +0
	r2 = 16
	r3 = 0
	r4 = 0
	r5 = 0
	call bpf_csum_diff
	r0 = 0
	exit

=== kptr-write-through sched_cls EACCES only read is supported
# map: m array 4 16 1
# field: m 0 kptr task_struct
	r1 = map[m][0] +0
	r1 = *(u64 *)(r1 + 0)
	if r1 == 0 goto +1
	*(u32 *)(r1 + 16) = 0
	r0 = 0
	exit

=== kptr-negative sched_cls EACCES R1 is ptr_task_struct invalid negative access: off=-8
# map: m array 4 16 1
# field: m 0 kptr task_struct
	r1 = map[m][0] +0
	r1 = *(u64 *)(r1 + 0)
	if r1 == 0 goto +1
	r0 = *(u64 *)(r1 - 8)
	r0 = 0
	exit

=== device-map-write xdp EACCES write into map forbidden, value_size=4 off=0 size=4
# map: x devmap 4 4 4
	*(u32 *)(r10 - 4) = 0
	r2 = r10
	r2 += -4
	r1 = map[x]
	call bpf_map_lookup_elem
	if r0 == 0 goto +2
	r1 = *(u32 *)(r0 + 0)
	*(u32 *)(r0 + 0) = 4
	r0 = 0
	exit
