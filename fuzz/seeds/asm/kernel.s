; the kernel's notation
entry:
r6 = r1
r0 = *(u32 *)(r6 +4)
*(u8 *)(r10 -1) = 255
if r0 s> -5 goto end
if w0 & 0xff goto pc+1
r1 = map[acl]
r2 = map[cfg][0]+8
r3 = 0x1122334455667788
r4 = (s16)r3
r5 = be32 r5
w5 = -w5
call bpf_map_lookup_elem#1
call sub
r0 = atomic64_cmpxchg((u64 *)(r10 -8), r0, r1)
lock *(u32 *)(r10 -8) |= r1
r0 = *(u16 *)skb[r6 + 12]
may_goto pc-1
gotol end
end: exit
sub:
r0 = 0
exit
