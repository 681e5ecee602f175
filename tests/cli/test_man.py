#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The manual: well-formed, and it has every command and option that the program has."""
import glob
import re
import shutil
import subprocess

import common

# Commands whose page is another's.
PAGES = {"apply": "up", "swap": "up", "rollback": "up", "down": "up", "status": "up", "trace": "capture", "top": "metrics", "disasm": "asm", "state": "pin", "completion": None, "help": None}


def read(page):
    with open(f"{common.SOURCE}/man/{page}", encoding="utf-8") as f:
        return f.read()


class Manual(common.Case):
    def pages(self):
        found = sorted(glob.glob(common.SOURCE + "/man/*.[0-9]"))
        self.assertGreater(len(found), 5)
        return found

    def test_well_formed(self):
        if not shutil.which("man") and not shutil.which("mandoc"):
            self.skipTest("neither man nor mandoc is installed")
        for page in self.pages():
            if shutil.which("mandoc"):
                out = subprocess.run(["mandoc", "-Tlint", "-Wwarning", page], stdout=subprocess.PIPE)
                self.assertEqual((out.returncode, out.stdout), (0, b""), page)
            if shutil.which("man"):
                out = subprocess.run(["man", "--warnings", "-l", "-Tutf8", page], check=True,
                                     stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                     env={"LC_ALL": "C.UTF-8", "MANWIDTH": "100", "PATH": "/usr/bin:/bin"})
                self.assertEqual(out.stderr, b"", page)
                self.assertGreater(len(out.stdout), 500)

    def test_complete(self):
        overview = read("visor.1")
        text = self.visor("help").split("Commands:\n")[1].split("\n\n")[0]
        for word in (line.split()[0] for line in text.splitlines()):
            self.assertRegex(overview, rf"(?m)^\.(It )?Cm .*\b{word}\b", word)
            name = PAGES.get(word, word)
            if name is None:
                continue
            page = read(f"visor-{name}.1")
            group = self.visor("help", word)
            verbs = re.findall(rf"(?m)^  {word} ([a-z]+)", group) if "Commands:" in group else [""]
            for verb in verbs:
                self.assertIn(f".Nm visor {word} {verb}".strip(), page)
                options = self.visor("help", word, *filter(None, [verb])).split("Options:")[1]
                for option in re.findall(r"  +(?:-\w, )?--([a-z-]+)", options.split("Examples")[0]):
                    self.assertRegex(page, rf"Fl (\w , )?-{option}\b", f"{word} {verb}")


if __name__ == "__main__":
    common.main()
