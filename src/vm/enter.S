/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm/enter.S - the way into main programs that destroy all registers (jit/jit.h).
 *
 *   uint64_t vm_native_enter(r1, r2, left, code, -, run)
 *	one run; left: tail calls that the program may make by itself
 *   uint32_t vm_native_enter_all(run, code, ctx, n, ret, prog)
 *	n > 0 runs, of ctx[i] with the result in ret[i], until one of them stops. Returns how
 *	many did not. What it must remember lies on the stack, as no register survives a run.
 */
#include "vm/enter.h"

#if defined(__x86_64__)

	.text

	.macro enter_save
	push	%rbx
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbx, 0
	push	%rbp
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbp, 0
	push	%r12
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r12, 0
	push	%r13
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r13, 0
	push	%r14
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r14, 0
	push	%r15
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r15, 0
	.endm

	.macro enter_restore
	pop	%r15
	.cfi_adjust_cfa_offset -8
	pop	%r14
	.cfi_adjust_cfa_offset -8
	pop	%r13
	.cfi_adjust_cfa_offset -8
	pop	%r12
	.cfi_adjust_cfa_offset -8
	pop	%rbp
	.cfi_adjust_cfa_offset -8
	pop	%rbx
	.cfi_adjust_cfa_offset -8
	.endm

	.globl	vm_native_enter
	.hidden	vm_native_enter
	.type	vm_native_enter, @function
vm_native_enter:
	.cfi_startproc
	enter_save
	sub	$8, %rsp
	.cfi_adjust_cfa_offset 8
	call	*%rcx
	add	$8, %rsp
	.cfi_adjust_cfa_offset -8
	enter_restore
	ret
	.cfi_endproc
	.size	vm_native_enter, . - vm_native_enter

#define AT_RUN	0(%rsp)
#define AT_CODE 8(%rsp)
#define AT_CTX	16(%rsp)
#define AT_RET	24(%rsp)
#define AT_PROG 32(%rsp)
#define AT_LEFT 40(%rsp)
#define AT_N	44(%rsp)

	.globl	vm_native_enter_all
	.hidden	vm_native_enter_all
	.type	vm_native_enter_all, @function
vm_native_enter_all:
	.cfi_startproc
	enter_save
	sub	$56, %rsp
	.cfi_adjust_cfa_offset 56
	mov	%rdi, AT_RUN
	mov	%rsi, AT_CODE
	mov	%rdx, AT_CTX
	mov	%r8, AT_RET
	mov	%r9, AT_PROG
	mov	%ecx, AT_LEFT
	mov	%ecx, AT_N
1:	mov	AT_RUN, %r9
	mov	AT_CTX, %rax
	mov	AT_PROG, %r10
	mov	(%rax), %rdi
	xor	%esi, %esi
	mov	$ENTER_TAIL_CALLS, %edx
	mov	%r10, ENTER_RUN_PROG(%r9)
	mov	%rdi, ENTER_RUN_CTX(%r9)
	mov	%edx, ENTER_RUN_TAIL_CALLS(%r9)
	call	*AT_CODE
	mov	AT_RUN, %rcx
	mov	AT_RET, %rdx
	cmpb	$0, ENTER_RUN_STOPPED(%rcx)
	jne	2f
	mov	%rax, (%rdx)
	addq	$8, AT_RET
	addq	$8, AT_CTX
	decl	AT_LEFT
	jne	1b
2:	mov	AT_N, %eax
	sub	AT_LEFT, %eax
	add	$56, %rsp
	.cfi_adjust_cfa_offset -56
	enter_restore
	ret
	.cfi_endproc
	.size	vm_native_enter_all, . - vm_native_enter_all

#elif defined(__aarch64__)

	.text

	.macro enter_save room
	stp	x29, x30, [sp, #-(96 + \room)]!
	.cfi_def_cfa_offset (96 + \room)
	.cfi_offset x29, -(96 + \room)
	.cfi_offset x30, -(88 + \room)
	stp	x19, x20, [sp, #16]
	stp	x21, x22, [sp, #32]
	stp	x23, x24, [sp, #48]
	stp	x25, x26, [sp, #64]
	stp	x27, x28, [sp, #80]
	.endm

	.macro enter_restore room
	ldp	x19, x20, [sp, #16]
	ldp	x21, x22, [sp, #32]
	ldp	x23, x24, [sp, #48]
	ldp	x25, x26, [sp, #64]
	ldp	x27, x28, [sp, #80]
	ldp	x29, x30, [sp], #(96 + \room)
	.cfi_def_cfa_offset 0
	.cfi_restore x29
	.cfi_restore x30
	.endm

	.globl	vm_native_enter
	.hidden	vm_native_enter
	.type	vm_native_enter, %function
vm_native_enter:
	.cfi_startproc
	bti	c
	enter_save 0
	mov	x29, sp
	blr	x3
	enter_restore 0
	ret
	.cfi_endproc
	.size	vm_native_enter, . - vm_native_enter

	.globl	vm_native_enter_all
	.hidden	vm_native_enter_all
	.type	vm_native_enter_all, %function
vm_native_enter_all:
	.cfi_startproc
	bti	c
	enter_save 48
	stp	x0, x1, [sp, #96]	/* run, code */
	stp	x2, x4, [sp, #112]	/* ctx, ret */
	stp	w3, w3, [sp, #128]	/* left, n */
	str	x5, [sp, #136]		/* prog */
	mov	x29, sp
1:	ldp	x5, x9, [sp, #96]
	ldr	x10, [sp, #112]
	ldr	x11, [sp, #136]
	mov	w2, #ENTER_TAIL_CALLS
	ldr	x0, [x10]
	mov	x1, #0
	str	x11, [x5, #ENTER_RUN_PROG]
	str	x0, [x5, #ENTER_RUN_CTX]
	str	w2, [x5, #ENTER_RUN_TAIL_CALLS]
	blr	x9
	ldr	x5, [sp, #96]
	ldp	x10, x11, [sp, #112]
	ldrb	w12, [x5, #ENTER_RUN_STOPPED]
	cbnz	w12, 2f
	str	x0, [x11], #8
	add	x10, x10, #8
	stp	x10, x11, [sp, #112]
	ldr	w12, [sp, #128]
	subs	w12, w12, #1
	str	w12, [sp, #128]
	b.ne	1b
2:	ldp	w9, w10, [sp, #128]
	sub	w0, w10, w9
	enter_restore 48
	ret
	.cfi_endproc
	.size	vm_native_enter_all, . - vm_native_enter_all

#endif

#if defined(__linux__) && defined(__ELF__)
	.section .note.GNU-stack, "", %progbits
#endif
