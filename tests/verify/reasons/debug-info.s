# SPDX-License-Identifier: BSD-2-Clause
# Function and line information, which the program brings along, must fit its instructions; some
# things are only allowed where types say what a function is, tail calls in functions among them.

=== reject sched_cls EINVAL tail_call is not allowed in subprogs without BTF
# map: m prog_array 4 4 4
	call pc+2
	r0 = 0
	exit
	r2 = map[m]
	r3 = 0
	call bpf_tail_call
	r0 = 0
	exit

=== accept sched_cls
# types
# map: m prog_array 4 4 4
	call pc+2
	r0 = 0
	exit
	r2 = map[m]
	r3 = 0
	call bpf_tail_call
	r0 = 0
	exit
