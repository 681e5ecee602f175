# SPDX-License-Identifier: BSD-2-Clause
# Atomic instructions.

=== load-acquire-context socket_filter EACCES invalid bpf_context access off=0 size=8
	r1 = load_acquire((u64 *)(r1 + 0))
	r0 = 0
	exit

=== load-acquire-context-kept socket_filter EACCES BPF_ATOMIC loads from R1 ctx is not allowed
	r2 = load_acquire((u32 *)(r1 + 0))
	r0 = 0
	exit

=== load-acquire-context-replaced socket_filter
	r1 = load_acquire((u32 *)(r1 + 0))
	r0 = 0
	exit

=== load-acquire-value socket_filter
# map: m array 4 16 1
	r1 = map[m][0] +0
	r1 = load_acquire((u32 *)(r1 + 0))
	if r1 > 0xffffffff goto +1
	r0 = 0
	exit

=== load-acquire-misaligned socket_filter EACCES misaligned value access off 0+0+1 size 4
# map: m array 4 16 1
	r1 = map[m][0] +0
	r1 = load_acquire((u32 *)(r1 + 1))
	r0 = 0
	exit

=== store-release-context socket_filter EACCES invalid bpf_context access off=8 size=4
	r2 = 0
	store_release((u32 *)(r1 + 8), r2)
	r0 = 0
	exit

=== store-release-stack socket_filter
	r2 = 0
	store_release((u64 *)(r10 - 8), r2)
	r0 = *(u64 *)(r10 - 8)
	exit

=== store-release-leak socket_filter EACCES R2 leaks addr into map
# caps: bpf
# map: m array 4 16 1
	r2 = map[m][0] +0
	store_release((u64 *)(r2 + 0), r2)
	r0 = 0
	exit

=== context socket_filter EACCES BPF_ATOMIC stores into R1 ctx is not allowed
	r2 = 0
	lock *(u32 *)(r1 + 48) += r2
	r0 = 0
	exit

=== uninit-stack socket_filter
	r2 = 0
	lock *(u64 *)(r10 - 8) += r2
	r0 = 0
	exit

=== fetch-is-unknown socket_filter
	*(u64 *)(r10 - 8) = 5
	r2 = 1
	r2 = atomic64_fetch_add((u64 *)(r10 - 8), r2)
	if r2 == 5 goto +1
	r0 = *(u64 *)(r2 + 0)
	r0 = 0
	exit

=== fetch-into-pointer socket_filter EACCES misaligned access off (0x0; 0xffffffffffffffff)+0+0 size 8
# map: m array 4 16 1
	r2 = map[m][0] +0
	r2 = atomic64_fetch_add((u64 *)(r2 + 0), r2)
	r0 = 0
	exit

=== compare-pointer socket_filter
# map: m array 4 16 1
	r2 = map[m][0] +0
	r3 = 5
	r0 = r1
	r0 = atomic64_cmpxchg((u64 *)(r2 + 0), r0, r3)
	r0 = 0
	exit

=== compare-pointer-leak socket_filter EACCES R0 leaks addr into mem
# caps: bpf
# map: m array 4 16 1
	r2 = map[m][0] +0
	r3 = 5
	r0 = r1
	r0 = atomic64_cmpxchg((u64 *)(r2 + 0), r0, r3)
	r0 = 0
	exit

=== compare-uninit socket_filter EACCES R0 !read_ok
# map: m array 4 16 1
	r2 = map[m][0] +0
	r3 = 5
	r0 = atomic64_cmpxchg((u64 *)(r2 + 0), r0, r3)
	r0 = 0
	exit

=== compare-own-pointer socket_filter EACCES misaligned access off (0x0; 0xffffffffffffffff)+0+0 size 8
# map: m array 4 16 1
	r0 = map[m][0] +0
	r3 = 5
	r0 = atomic64_cmpxchg((u64 *)(r0 + 0), r0, r3)
	r0 = 0
	exit

=== leak socket_filter EACCES R3 leaks addr into mem
# caps: bpf
# map: m array 4 16 1
	r2 = map[m][0] +0
	r3 = r1
	lock *(u64 *)(r2 + 0) += r3
	r0 = 0
	exit

=== misaligned socket_filter EACCES misaligned value access off 0+0+1 size 8
# map: m array 4 16 1
	r2 = map[m][0] +0
	r3 = 1
	lock *(u64 *)(r2 + 1) += r3
	r0 = 0
	exit

=== fetch-spilled-pointer socket_filter
	*(u64 *)(r10 - 8) = r1
	r2 = 0
	r2 = atomic64_fetch_add((u64 *)(r10 - 8), r2)
	r0 = *(u32 *)(r2 + 0)
	exit

=== ends-spilled-pointer socket_filter EACCES R3 invalid mem access 'scalar'
	*(u64 *)(r10 - 8) = r1
	r2 = 0
	r2 = atomic64_fetch_add((u64 *)(r10 - 8), r2)
	r3 = *(u64 *)(r10 - 8)
	r0 = *(u32 *)(r3 + 0)
	exit
