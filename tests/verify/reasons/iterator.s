# SPDX-License-Identifier: BSD-2-Clause
# An iterator is made on the stack, advanced in its loop and destroyed after it; in between
# nothing else touches it.

=== reject xdp EINVAL expected an initialized iter_num as arg #0
	r1 = r10
	r1 += -8
	call kfunc bpf_iter_num_next
	r0 = 2
	exit

=== accept xdp
	r1 = r10
	r1 += -8
	r2 = 0
	r3 = 10
	call kfunc bpf_iter_num_new
next:
	r1 = r10
	r1 += -8
	call kfunc bpf_iter_num_next
	if r0 != 0 goto next
	r1 = r10
	r1 += -8
	call kfunc bpf_iter_num_destroy
	r0 = 2
	exit
