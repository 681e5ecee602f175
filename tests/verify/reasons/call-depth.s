# SPDX-License-Identifier: BSD-2-Clause
# At most eight functions may be active at once, callbacks included. Recursion always ends here.

=== reject xdp E2BIG the call stack of
	call pc+1
	exit
	call pc-1
	exit

=== accept xdp
	call pc+1
	exit
	call pc+1
	exit
	r0 = 2
	exit
