# SPDX-License-Identifier: BSD-2-Clause
# A function has at most 512 bytes of stack, and so have all functions together that are active at
# once: the sum along every chain of calls counts, each rounded up to 32 bytes. With tail calls in
# between it is less.

=== reject xdp EACCES combined stack size of 2 calls is
	*(u64 *)(r10 -264) = 0
	call pc+1
	exit
	*(u64 *)(r10 -264) = 0
	r0 = 2
	exit

=== accept xdp
	*(u64 *)(r10 -248) = 0
	call pc+1
	exit
	*(u64 *)(r10 -248) = 0
	r0 = 2
	exit
