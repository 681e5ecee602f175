#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The README is true: its commands print what it says, its links and folders exist."""
import os
import re
import shutil
import subprocess

import common


def text():
    with open(common.SOURCE + "/README.md", encoding="utf-8") as f:
        return f.read()


def mask(out):
    """What differs from run to run: times, rates, widths that follow from them."""
    out = re.sub(r"\d+\.\d+", "N", out)
    return [re.sub(r" +", " ", line).rstrip() for line in out.splitlines()]


class Readme(common.Case):
    def commands(self):
        """(command, expected output) of the blocks that are marked as tested."""
        found = []
        for block in re.findall(r"<!-- tested -->\n```console\n(.*?)```", text(), re.S):
            self.assertTrue(block.startswith("$ "), block)
            for part in re.split(r"(?m)^\$ ", block)[1:]:
                command, _, out = part.partition("\n")
                found.append((command, out))
        self.assertGreater(len(found), 8)
        return found

    def test_commands(self):
        # The commands run as in the source tree, but may not write into it.
        os.symlink(common.SOURCE + "/examples", self.path("examples"))
        os.symlink(common.BUILD, self.path("build"))
        env = {**os.environ, "PATH": f"{common.BUILD}:{os.environ['PATH']}:/usr/sbin",
               "XDG_RUNTIME_DIR": self.dir}
        env.pop("VISOR_STATE", None)
        for command, expected in self.commands():
            if " exec " in command and (common.SANITIZED or not shutil.which("bpftool",
                                                                             path=env["PATH"])):
                continue # the sanitizer's library cannot be preloaded into any program
            done = subprocess.run(["bash", "-o", "pipefail", "-c", command.replace("| head", "| cat | head")],
                                  env=env, cwd=self.dir, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, timeout=60)
            self.assertIn(done.returncode, (0, 141), (command, done.stderr))
            self.assertEqual(done.stderr, b"", command)
            self.assertEqual(mask(done.stdout.decode()), mask(expected), command)

    def test_embedding(self):
        done = subprocess.run([common.BUILD + "/tests/cli/embed"], stdout=subprocess.PIPE, check=True)
        self.assertEqual(done.stdout.decode(), "order 0: accepted, priority 7\n"
                         "order 1: refused, priority 0\norder 2: accepted, priority 7\n2 accepted\n")

    def test_links(self):
        for link in re.findall(r"\]\(([^)#]+)\)", text()):
            self.assertTrue(os.path.exists(f"{common.SOURCE}/{link}"), link)

    def test_source_tour(self):
        """Every folder is in the tour, and what is in the tour exists."""
        tour = text().split("## Find your way")[1].split("## ")[0]
        named = set(re.findall(r"`([a-z/]+)`", tour.replace("`module.h`", "")))
        for name in named - {"acl", "counter", "sampler", "tap", "visor"}:
            self.assertTrue(os.path.isdir(f"{common.SOURCE}/{name}"), name)
        for folder in sorted(os.listdir(common.SOURCE + "/src")):
            if os.path.isdir(f"{common.SOURCE}/src/{folder}"):
                self.assertIn("src/" + folder, named)

    def test_dependencies(self):
        """Every package of the list is in the table of dependencies."""
        table = text().split("## Depends on")[1].split("## ")[0]
        for name in ("packages.txt", "packages-bench.txt"):
            with open(f"{common.SOURCE}/scripts/{name}", encoding="utf-8") as f:
                for line in f:
                    package = line.split("#")[0].split()
                    if not package:
                        continue
                    stem = re.sub(r"(-dev|1g|6|-build)", "", package[0])
                    stem = {"linux-libc": "linux/bpf.h"}.get(stem, stem)
                    self.assertIn(stem, table, package[0])


if __name__ == "__main__":
    common.main()
