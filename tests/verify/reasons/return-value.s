# SPDX-License-Identifier: BSD-2-Clause
# What a program returns has a meaning to the kernel, and so do the results of callbacks: for some
# types only a few values are allowed, and r0 must be known to be one of them.

=== reject cgroup_sock EINVAL At program exit the register R0 has smin=5
	r0 = 5
	exit

=== accept cgroup_sock
	r0 = 1
	exit
