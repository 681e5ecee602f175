#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The examples print what they should, and the libraries export and need what they may."""
import os
import re
import subprocess
import sys

BUILD = os.environ["VISOR_BUILD"]
SOURCE = os.environ["VISOR_SOURCE"]
failures = []


def check(what, got, want):
    if got != want:
        failures.append(f"{what}:\n  got  {got}\n  want {want}")


def out(*argv):
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


def exported(library):
    """Names that the library defines for others, without those of version nodes."""
    names = set()
    for line in out("nm", "-D", "--defined-only", library).splitlines():
        kind, name = line.split()[-2:]
        if kind != "A":
            names.add(name.split("@")[0])
    return names


def declared(*headers):
    """Functions that public headers declare (not the inline ones)."""
    names = set()
    for header in headers:
        text = open(f"{SOURCE}/include/visor/{header}").read()
        text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
        text = re.sub(r"^static inline.*?^}", "", text, flags=re.S | re.M)
        text = re.sub(r"^\s*#.*?(?<!\\)$", "", text, flags=re.S | re.M)
        names |= set(re.findall(r"\b(visor_\w+)\s*\(", text))
    return names


def needed(library):
    return set(re.findall(r"NEEDED.*\[(.*)\]", out("readelf", "-d", library)))


check("embed", out(f"{BUILD}/tests/unit/sys/embed"),
      "order 0: accepted, priority 7\norder 1: refused, priority 0\n"
      "order 2: accepted, priority 7\n2 accepted\n")
check("object", out(f"{BUILD}/tests/unit/sys/object", f"{BUILD}/modules/counter.o"),
      "map traffic\nmap uncounted\nprogram counter_xdp: verdict 2\n"
      "program counter_tc: verdict 0\n")

headers = [h for h in os.listdir(f"{SOURCE}/include/visor") if h != "object.h"]
# Besides: by these names debuggers find native code.
check("symbols of libvisor", exported(f"{BUILD}/src/libvisor.so"),
      declared(*headers) | {"__jit_debug_descriptor", "__jit_debug_register_code"})
check("symbols of libvisor-object", exported(f"{BUILD}/src/libvisor-object.so"),
      declared("object.h") | {"syscall", "epoll_ctl", "statfs", "statfs64", "mkdir", "unlink"})
check("symbols of the preload library", exported(f"{BUILD}/src/libvisor-preload.so"),
      {"syscall", "epoll_ctl", "statfs", "statfs64", "mkdir", "unlink"})
if "VISOR_SANITIZED" not in os.environ:
    libc = {"libc.so.6", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}
    check("libraries that libvisor needs", needed(f"{BUILD}/src/libvisor.so") - libc, set())
    check("libraries that the preload library needs",
          needed(f"{BUILD}/src/libvisor-preload.so") - libc, set())

print("\n".join(failures) or "ok")
sys.exit(bool(failures))
