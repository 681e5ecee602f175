# SPDX-License-Identifier: BSD-2-Clause
# A call names a function: of this program by its distance, or of the kernel by its id in the
# kernel's types. What is named has to exist.

=== reject xdp EINVAL call to invalid destination
	call pc+100
	exit

=== accept xdp
	call pc+1
	exit
	r0 = 2
	exit
