int prog(struct xdp_md * ctx):
; return f(ctx);
   0: (bf) r6 = r1                        ; R1=ctx() R6_w=ctx()
       bf 16 00 00 00 00 00 00
   1: (18) r1 = map[id:12]
       18 11 00 00 0c 00 00 00 00 00 00 00 00 00 00 00
   3: (85) call pc+2#bpf_prog_0123_f
   4: (85) call unknown#-7
   5: (95) exit
