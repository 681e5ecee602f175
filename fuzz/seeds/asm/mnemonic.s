# the mnemonic notation
mov %r0, 0x10
lddw %r1, 0xffffffffffffffff
ldxw %r0, [%r1+4]
stxdw [%r10-8], %r0
stb [%r10], -1
lock fetch add32 [%r10-8], %r1
jsgt32 %r0, %r1, exit
jne %r0, 5, +1
movsx864 %r1, %r2
swap16 %r0
ja L1
L1:
call local L1
call %r2
call 5
.insn 0x95, 0x0500000000b7
exit
