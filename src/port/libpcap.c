/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * port/libpcap.c - see libpcap.h. Debian's name of the library is of the time before version 1;
 * others give it libpcap's own. What is behind both names is the same.
 */
#include "port/libpcap.h"

struct libpcap libpcap;

LAZY_LIBRARY(libpcap_library, libpcap, LIBPCAP_FUNCTIONS, "libpcap.so.0.8", "libpcap.so.1")

int libpcap_need(const char *stage, struct visor_diag *diag)
{
	return lazy_need(&libpcap_library)
		       ? lazy_fail(&libpcap_library, stage,
				   "libpcap: capture files and filters are its part", diag)
		       : 0;
}
