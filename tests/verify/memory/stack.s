# SPDX-License-Identifier: BSD-2-Clause
# Slots of the stack: spills, fills, bytes, frames of callers.

=== misaligned socket_filter EACCES misaligned stack access off 0+0+-12 size 8
	r0 = *(u64 *)(r10 - 12)
	exit

=== misaligned-variable socket_filter EACCES misaligned stack access off (0x0; 0xe)+-64+0 size 4
	call bpf_get_prandom_u32
	r0 &= 0xe
	r2 = r10
	r2 += -64
	r2 += r0
	r0 = *(u32 *)(r2 + 0)
	exit

=== read-above socket_filter EACCES invalid read from stack R10 off=0 size=8
	r0 = *(u64 *)(r10 + 0)
	exit

=== write-below socket_filter EACCES invalid write to stack R10 off=-520 size=8
	*(u64 *)(r10 - 520) = 0
	r0 = 0
	exit

=== variable-above socket_filter EINVAL invalid variable-offset read from stack R2 var_off=(0x0; 0xff8) off=-64 size=4
	call bpf_get_prandom_u32
	r0 &= 0xff8
	r2 = r10
	r2 += -64
	r2 += r0
	r0 = *(u32 *)(r2 + 0)
	exit

=== variable-below socket_filter EACCES R2 subtraction from stack pointer prohibited
	call bpf_get_prandom_u32
	r0 &= 0xff8
	r2 = r10
	r2 += -64
	r2 -= r0
	r0 = *(u32 *)(r2 + 0)
	exit

=== variable-unbounded socket_filter EINVAL math between fp pointer and register with unbounded min value is not allowed
	call bpf_get_prandom_u32
	r2 = r10
	r2 += -64
	r2 += r0
	r0 = *(u8 *)(r2 + 0)
	exit

=== uninit socket_filter EACCES invalid read from stack R10 off=-8 size=8
# caps:
	r0 = *(u64 *)(r10 - 8)
	exit

=== uninit-slot socket_filter EACCES invalid read from stack off -8+0 size 8
# caps:
	*(u64 *)(r10 - 16) = 0
	r0 = *(u64 *)(r10 - 8)
	exit

=== corrupt-spill socket_filter EACCES attempt to corrupt spilled pointer on stack
# caps:
	*(u64 *)(r10 - 8) = r10
	*(u32 *)(r10 - 8) = 5
	r0 = 0
	exit

=== atomic-on-spill-leaks socket_filter EACCES leaking pointer from stack off -8
# caps:
	*(u64 *)(r10 - 8) = r1
	r2 = 0
	lock *(u64 *)(r10 - 8) += r2
	r0 = 0
	exit

=== fill-part-of-pointer-unpriv socket_filter EACCES invalid size of register fill
# caps:
	*(u64 *)(r10 - 8) = r1
	r0 = *(u32 *)(r10 - 8)
	exit

=== fill-pointer-unpriv socket_filter EACCES R0 leaks addr as return value
# caps:
	*(u64 *)(r10 - 8) = r1
	r0 = *(u64 *)(r10 - 8)
	exit

=== fill-part-of-pointer socket_filter EACCES invalid size of register fill
	*(u64 *)(r10 - 8) = r1
	r0 = *(u32 *)(r10 - 8)
	exit

=== overwritten-spill socket_filter
	*(u64 *)(r10 - 8) = r1
	*(u8 *)(r10 - 5) = 3
	r0 = *(u64 *)(r10 - 8)
	exit

=== spill-part-of-pointer socket_filter EACCES invalid size of register spill
	*(u32 *)(r10 - 8) = r1
	r0 = 0
	exit

=== upper-half-of-constant socket_filter
# caps: bpf
	*(u64 *)(r10 - 8) = 5
	r0 = *(u32 *)(r10 - 4)
	exit

=== uninit-upper-half socket_filter EACCES invalid read from stack off -8+4 size 8
# caps: bpf
	*(u32 *)(r10 - 8) = 5
	r0 = *(u64 *)(r10 - 8)
	exit

=== constant socket_filter
	*(u64 *)(r10 - 8) = 5
	r0 = *(u64 *)(r10 - 8)
	if r0 == 5 goto +1
	r0 = *(u64 *)(r0 + 0)
	exit

=== constant-word socket_filter
	*(u32 *)(r10 - 8) = -5
	r0 = *(u32 *)(r10 - 8)
	r1 = 0xfffffffb ll
	if r0 == r1 goto +1
	r0 = *(u64 *)(r0 + 0)
	exit

=== constant-byte socket_filter
	*(u32 *)(r10 - 8) = -5
	r0 = *(u8 *)(r10 - 8)
	if r0 == 0xfb goto +1
	r0 = *(u64 *)(r0 + 0)
	exit

=== constant-byte-signed socket_filter
	*(u32 *)(r10 - 8) = -5
	r0 = *(s8 *)(r10 - 8)
	if r0 s< 0 goto +1
	r0 = *(u64 *)(r0 + 0)
	exit

=== constant-upper-half socket_filter EACCES R0 invalid mem access 'scalar'
	*(u64 *)(r10 - 8) = 5
	r0 = *(u32 *)(r10 - 4)
	if r0 == 0 goto +1
	r0 = *(u64 *)(r0 + 0)
	exit

=== zero-overwritten socket_filter EACCES R0 invalid mem access 'scalar'
	*(u64 *)(r10 - 8) = 0
	*(u16 *)(r10 - 4) = 0
	r0 = *(u64 *)(r10 - 8)
	if r0 == 0 goto +1
	r0 = *(u64 *)(r0 + 0)
	exit

=== zero-upper-part socket_filter
	*(u64 *)(r10 - 8) = 0
	r0 = *(u16 *)(r10 - 4)
	if r0 == 0 goto +1
	r0 = *(u64 *)(r0 + 0)
	exit

=== two-zero-words socket_filter EACCES R0 invalid mem access 'scalar'
	*(u32 *)(r10 - 8) = 0
	*(u32 *)(r10 - 4) = 0
	r0 = *(u64 *)(r10 - 8)
	if r0 == 0 goto +1
	r0 = *(u64 *)(r0 + 0)
	exit

=== zero-word-beside-number socket_filter
	*(u32 *)(r10 - 4) = 0
	*(u32 *)(r10 - 8) = 7
	r0 = *(u32 *)(r10 - 4)
	if r0 == 0 goto +1
	r0 = *(u64 *)(r0 + 0)
	exit

=== spill-keeps-id socket_filter
	call bpf_get_prandom_u32
	r0 &= 7
	*(u64 *)(r10 - 8) = r0
	r1 = *(u64 *)(r10 - 8)
	if r0 > 3 goto +4
	if r1 > 3 goto +1
	goto +2
	r0 = *(u64 *)(r1 + 0)
	exit
	r0 = 0
	exit

=== narrow-spill-cuts-id socket_filter EACCES R1 invalid mem access 'scalar'
	call bpf_get_prandom_u32
	*(u32 *)(r10 - 8) = r0
	r1 = *(u32 *)(r10 - 8)
	if r0 > 3 goto +4
	if r1 > 3 goto +1
	goto +2
	r0 = *(u64 *)(r1 + 0)
	exit
	r0 = 0
	exit

=== narrower-spill-cuts-id socket_filter EACCES R1 invalid mem access 'scalar'
	call bpf_get_prandom_u32
	*(u16 *)(r10 - 8) = r0
	r1 = *(u16 *)(r10 - 8)
	if r0 > 3 goto +4
	if r1 > 3 goto +1
	goto +2
	r0 = *(u64 *)(r1 + 0)
	exit
	r0 = 0
	exit

=== narrow-fill-cuts-id socket_filter EACCES R1 invalid mem access 'scalar'
	call bpf_get_prandom_u32
	*(u64 *)(r10 - 8) = r0
	r1 = *(u16 *)(r10 - 8)
	if r0 > 3 goto +4
	if r1 > 3 goto +1
	goto +2
	r0 = *(u64 *)(r1 + 0)
	exit
	r0 = 0
	exit

=== variable-write-ends-spill socket_filter EACCES R1 !read_ok
	call bpf_get_prandom_u32
	r0 &= 8
	*(u64 *)(r10 - 8) = r1
	*(u64 *)(r10 - 16) = 0
	r2 = r10
	r2 += -16
	r2 += r0
	*(u64 *)(r2 + 0) = 0
	r0 = *(u64 *)(r10 - 16)
	if r0 == 0 goto +1
	r0 = *(u64 *)(r0 + 0)
	exit

=== variable-write-of-zero socket_filter
	call bpf_get_prandom_u32
	r0 &= 8
	*(u64 *)(r10 - 8) = 0
	*(u64 *)(r10 - 16) = 0
	r2 = r10
	r2 += -16
	r2 += r0
	*(u64 *)(r2 + 0) = 0
	r0 = *(u64 *)(r10 - 16)
	if r0 == 0 goto +1
	r0 = *(u64 *)(r0 + 0)
	exit

=== variable-write-of-zero-byte socket_filter EACCES R1 !read_ok
	call bpf_get_prandom_u32
	r0 &= 8
	r3 = 0
	*(u8 *)(r10 - 9) = r3
	*(u64 *)(r10 - 8) = r1
	r2 = r10
	r2 += -16
	r2 += r0
	*(u8 *)(r2 + 0) = r3
	r0 = *(u8 *)(r10 - 9)
	if r0 == 0 goto +1
	r0 = *(u64 *)(r0 + 0)
	exit

=== variable-read-of-spills socket_filter EACCES R0 invalid mem access 'scalar'
	call bpf_get_prandom_u32
	r0 &= 8
	*(u64 *)(r10 - 8) = 0
	*(u64 *)(r10 - 16) = 0
	r2 = r10
	r2 += -16
	r2 += r0
	r0 = *(u64 *)(r2 + 0)
	if r0 == 0 goto +1
	r0 = *(u64 *)(r0 + 0)
	exit

=== variable-read-of-zeros socket_filter
	call bpf_get_prandom_u32
	r0 &= 4
	r1 = 0
	*(u8 *)(r10 - 7) = r1
	*(u8 *)(r10 - 6) = r1
	*(u8 *)(r10 - 5) = r1
	*(u8 *)(r10 - 4) = r1
	*(u8 *)(r10 - 3) = r1
	r2 = r10
	r2 += -7
	r2 += r0
	r0 = *(u8 *)(r2 + 0)
	if r0 == 0 goto +1
	r0 = *(u64 *)(r0 + 0)
	exit

=== variable-atomic socket_filter EACCES variable offset stack pointer cannot be passed into helper function; var_off=(0x0; 0x8) off=-16 size=8
	call bpf_get_prandom_u32
	r0 &= 8
	*(u64 *)(r10 - 8) = 0
	*(u64 *)(r10 - 16) = 0
	r2 = r10
	r2 += -16
	r2 += r0
	r3 = 1
	lock *(u64 *)(r2 + 0) += r3
	r0 = 0
	exit

=== callee-spills-its-stack socket_filter EINVAL cannot spill pointers to stack into stack frame of the caller
	r1 = r10
	r1 += -8
	*(u64 *)(r10 - 8) = 0
	call sub
	r0 = *(u64 *)(r10 - 8)
	exit
sub:
	r2 = r10
	*(u64 *)(r1 + 0) = r2
	r0 = 0
	exit

=== callee-writes-caller socket_filter
	r1 = r10
	r1 += -8
	call sub
	r0 = *(u64 *)(r10 - 8)
	if r0 == 7 goto +1
	r0 = *(u64 *)(r0 + 0)
	exit
sub:
	*(u64 *)(r1 + 0) = 7
	r0 = 0
	exit

=== callee-reads-pointer socket_filter
	*(u64 *)(r10 - 8) = r1
	r1 = r10
	r1 += -8
	call sub
	r0 = 0
	exit
sub:
	r1 = *(u64 *)(r1 + 0)
	r0 = *(u32 *)(r1 + 0)
	exit

=== callee-depth socket_filter
	r1 = r10
	call sub
	r0 = 0
	exit
sub:
	*(u64 *)(r1 - 256) = 1
	*(u64 *)(r10 - 256) = 1
	r0 = 0
	exit

=== callee-too-deep socket_filter EACCES combined stack size of 2 calls is 528. Too large
	r1 = r10
	call sub
	r0 = 0
	exit
sub:
	*(u64 *)(r1 - 264) = 1
	*(u64 *)(r10 - 256) = 1
	r0 = 0
	exit

=== call-reads-uninit socket_filter
# map: m hash 8 16 2
	r2 = r10
	r2 += -8
	r1 = map[m]
	call bpf_map_lookup_elem
	r0 = 0
	exit

=== call-reads-uninit-unpriv socket_filter EACCES invalid read from stack R2 off=-8 size=8
# caps:
# map: m hash 8 16 2
	r2 = r10
	r2 += -8
	r1 = map[m]
	call bpf_map_lookup_elem
	r0 = 0
	exit

=== call-reads-half-init-unpriv socket_filter EACCES invalid read from stack R2 off -8+4 size 8
# caps:
# map: m hash 8 16 2
	*(u32 *)(r10 - 8) = 0
	r2 = r10
	r2 += -8
	r1 = map[m]
	call bpf_map_lookup_elem
	r0 = 0
	exit

=== call-reads-pointer-unpriv socket_filter EACCES invalid read from stack R2 off -8+0 size 8
# caps:
# map: m hash 8 16 2
	*(u64 *)(r10 - 8) = r10
	r2 = r10
	r2 += -8
	r1 = map[m]
	call bpf_map_lookup_elem
	r0 = 0
	exit

=== call-variable socket_filter
# map: m hash 8 16 2
	call bpf_get_prandom_u32
	r0 &= 8
	r2 = r10
	r2 += -16
	r2 += r0
	r1 = map[m]
	call bpf_map_lookup_elem
	r0 = 0
	exit

=== variable-unpriv socket_filter EACCES R2 variable stack access prohibited for !root, var_off=(0x0; 0x8) off=-16
# caps: bpf
# map: m hash 8 16 2
	call bpf_get_prandom_u32
	r0 &= 8
	r2 = r10
	r2 += -16
	r2 += r0
	r1 = map[m]
	call bpf_map_lookup_elem
	r0 = 0
	exit

=== call-read-keeps-spill socket_filter
# map: m hash 8 16 2
	*(u64 *)(r10 - 8) = 5
	r2 = r10
	r2 += -8
	r1 = map[m]
	call bpf_map_lookup_elem
	r0 = *(u64 *)(r10 - 8)
	if r0 == 5 goto +1
	r0 = *(u64 *)(r1 + 0)
	exit

=== call-write-ends-spill kprobe EACCES R1 !read_ok
	*(u64 *)(r10 - 8) = 5
	r1 = r10
	r1 += -8
	r2 = 8
	call bpf_get_current_comm
	r0 = *(u64 *)(r10 - 8)
	if r0 == 5 goto +1
	r0 = *(u64 *)(r1 + 0)
	exit

=== call-write-of-unknown-size kprobe EACCES R1 !read_ok
	call bpf_get_prandom_u32
	r0 &= 7
	r0 += 1
	*(u64 *)(r10 - 8) = 5
	r1 = r10
	r1 += -8
	r2 = r0
	call bpf_get_current_comm
	r0 = *(u64 *)(r10 - 8)
	if r0 == 5 goto +1
	r0 = *(u64 *)(r1 + 0)
	exit

=== call-above kprobe EINVAL invalid write to stack R1 off=-8 size=16
	r1 = r10
	r1 += -8
	r2 = 16
	call bpf_get_current_comm
	r0 = 0
	exit

=== call-size-zero kprobe EACCES R2 invalid zero-sized read: u64=[0,0]
	r1 = r10
	r1 += -8
	r2 = 0
	call bpf_get_current_comm
	r0 = 0
	exit

=== call-size-negative kprobe EACCES R2 min value is negative, either use unsigned or 'var &= const'
	call bpf_get_prandom_u32
	r1 = r10
	r1 += -8
	r2 = r0
	r2 <<= 32
	r2 s>>= 32
	call bpf_get_current_comm
	r0 = 0
	exit

=== call-size-unbounded kprobe EACCES R2 min value is negative, either use unsigned or 'var &= const'
	call bpf_get_prandom_u32
	r1 = r10
	r1 += -8
	r2 = r0
	r2 |= 1
	call bpf_get_current_comm
	r0 = 0
	exit

=== call-size-too-large kprobe EINVAL invalid write to stack R1 off=-8 size=15
	call bpf_get_prandom_u32
	r1 = r10
	r1 += -8
	r2 = r0
	r2 &= 15
	r2 |= 1
	call bpf_get_current_comm
	r0 = 0
	exit

=== call-no-pointer kprobe EACCES R1 type=scalar expected=fp, pkt, pkt_meta, map_key, map_value, mem, ringbuf_mem, buf, trusted_ptr_
	r1 = 5
	r2 = 4
	call bpf_get_current_comm
	r0 = 0
	exit

=== fastcall-pattern socket_filter
	*(u64 *)(r10 - 8) = r1
	call bpf_get_smp_processor_id
	r1 = *(u64 *)(r10 - 8)
	r0 = *(u32 *)(r1 + 0)
	exit

=== overwritten-byte-of-pointer socket_filter EACCES R0 invalid mem access 'scalar'
	*(u64 *)(r10 - 8) = r1
	r2 = 1
	*(u8 *)(r10 - 8) = r2
	r0 = *(u64 *)(r10 - 8)
	r0 = *(u32 *)(r0 + 0)
	exit

=== spilled-packet-end xdp
	r2 = *(u32 *)(r1 + 0)
	r3 = *(u32 *)(r1 + 4)
	*(u64 *)(r10 - 8) = r2
	*(u64 *)(r10 - 16) = r3
	r4 = *(u64 *)(r10 - 8)
	r5 = *(u64 *)(r10 - 16)
	r2 += 14
	if r2 > r5 goto +1
	r0 = *(u8 *)(r4 + 13)
	r0 = 2
	exit

=== dynptr-overwritten socket_filter EINVAL cannot overwrite referenced dynptr
# map: rb ringbuf 0 0 4096
	r1 = map[rb]
	r2 = 8
	r3 = 0
	r4 = r10
	r4 += -16
	call bpf_ringbuf_reserve_dynptr
	*(u64 *)(r10 - 8) = 0
	r1 = r10
	r1 += -16
	r2 = 0
	call bpf_ringbuf_discard_dynptr
	r0 = 0
	exit

=== dynptr-read socket_filter EACCES invalid read from stack off -8+0 size 8
# map: rb ringbuf 0 0 4096
	r1 = map[rb]
	r2 = 8
	r3 = 0
	r4 = r10
	r4 += -16
	call bpf_ringbuf_reserve_dynptr
	r6 = *(u64 *)(r10 - 8)
	r1 = r10
	r1 += -16
	r2 = 0
	call bpf_ringbuf_discard_dynptr
	r0 = 0
	exit

=== dynptr-written-by-call kprobe EACCES potential write to dynptr at off=-16 disallowed
# map: rb ringbuf 0 0 4096
	r1 = map[rb]
	r2 = 8
	r3 = 0
	r4 = r10
	r4 += -16
	call bpf_ringbuf_reserve_dynptr
	r1 = r10
	r1 += -16
	r2 = 8
	call bpf_get_current_comm
	r1 = r10
	r1 += -16
	r2 = 0
	call bpf_ringbuf_discard_dynptr
	r0 = 0
	exit

=== dynptr-read-by-call kprobe EACCES invalid read from stack R2 off -16+0 size 8
# map: rb ringbuf 0 0 4096
# map: m hash 8 16 2
	r1 = map[rb]
	r2 = 8
	r3 = 0
	r4 = r10
	r4 += -16
	call bpf_ringbuf_reserve_dynptr
	r1 = map[m]
	r2 = r10
	r2 += -16
	call bpf_map_lookup_elem
	r1 = r10
	r1 += -16
	r2 = 0
	call bpf_ringbuf_discard_dynptr
	r0 = 0
	exit
