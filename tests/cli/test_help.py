#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Help, version, usage errors, suggestions, exit codes, output errors."""
import os
import re
import subprocess

import common


def commands_of(text):
    """The words of the 'Commands:' part of a help text."""
    part = text.split("Commands:\n")[1].split("\n\n")[0]
    return [line.strip().split("  ")[0] for line in part.splitlines()]


class Help(common.Case):
    def all_commands(self):
        """Every command that can be run, as lists of words."""
        found = []
        for word in commands_of(self.visor("help")):
            text = self.visor("help", word)
            if "Commands:" in text:
                for line in commands_of(text):
                    words = [w for w in line.split() if w.islower() and w[0].isalpha()]
                    found.append(words[:2])
            else:
                found.append([word])
        return found

    def test_every_command_has_help(self):
        found = self.all_commands()
        self.assertGreater(len(found), 3)
        for words in found:
            text = self.visor(*words, "--help")
            self.assertEqual(text, self.visor("help", *words))
            self.assertTrue(text.startswith("usage: visor " + " ".join(words)), text)
            for part in ("Options:", "Examples:", "--help"):
                self.assertIn(part, text)
            for line in text.splitlines():
                self.assertLessEqual(len(line), 80, line)
            # The examples are of this command.
            self.assertIn("visor " + " ".join(words), text.split("Examples:")[1])

    def test_overview(self):
        text = self.visor("--help")
        self.assertEqual(text, self.visor("help"))
        for noun in ("prog", "map", "pin"):
            text += self.visor("help", noun)
        for line in text.splitlines():
            self.assertLessEqual(len(line), 80, line)
        self.visor(code=2)
        self.assertIn("usage: visor", self.err)

    def test_version(self):
        self.assertRegex(self.visor("--version"), r"^visor \d+\.\d+\.\d+\n$")

    def test_every_option_is_parsed(self):
        for words in self.all_commands():
            text = self.visor(*words, "--help").split("Options:")[1].split("Examples:")[0]
            for name in re.findall(r"--([a-z-]+)", text):
                out = self.run_visor(*words, f"--{name}x")
                self.assertEqual(out.returncode, 2)
                self.assertIn("unknown option", out.stderr.decode())

    def test_unknown(self):
        self.fails("hlep", code=2, says=["unknown command 'hlep'", "did you mean 'help'"])
        self.fails("disam", "x", code=2, says="did you mean 'disasm'")
        self.fails("xyzzy", code=2, says="lists the commands")
        self.fails("asm", "--fromat", "c", "-", code=2, says="did you mean '--format'?")
        self.fails("asm", "-", "--format", code=2, says="needs a value")
        self.fails("asm", code=2, says="usage: visor asm FILE|-")
        self.fails("asm", "a", "b", code=2, says="unexpected 'b'")
        self.fails("asm", "-Z", "-", code=2, says="unknown option '-Z'")
        self.fails("asm", "--json", "-", code=2, says="unknown option '--json'")
        self.fails("--json", "asm", "-", code=2, says="takes no --json")
        self.fails("map", "--json", code=2, says="expected a command after 'map'")
        self.fails("help", "nope", code=2, says="unknown command")

    def test_output_errors(self):
        with open("/dev/full", "w") as full:
            self.visor("help", stdout=full, code=1)
        self.assertIn("standard output: cannot write (No space left on device)", self.err)

    def test_broken_pipe_is_quiet(self):
        read, write = os.pipe()
        os.close(read)
        result = subprocess.run([common.VISOR, "help"], stdout=write, stderr=subprocess.PIPE,
                                restore_signals=False)
        os.close(write)
        self.assertEqual(result.stderr, b"")
        self.assertNotEqual(result.returncode, 0)

    def test_closed_output(self):
        result = subprocess.run(["sh", "-c", f"{common.VISOR} help >&-"], stderr=subprocess.PIPE)
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"standard output", result.stderr)

    def test_completion_is_shell(self):
        script = self.visor("completion", "bash")
        probe = script + '\nCOMP_WORDS=(visor dis) COMP_CWORD=1; _visor; echo "${COMPREPLY[@]}"\n' \
            'COMP_WORDS=(visor asm --fo) COMP_CWORD=2; _visor; echo "${COMPREPLY[@]}"\n'
        out = subprocess.run(["bash", "-c", probe], stdout=subprocess.PIPE, check=True).stdout
        self.assertEqual(out.decode().split(), ["disasm", "--format"])
        self.fails("completion", "tcsh", code=2, says="no completion for 'tcsh'")


if __name__ == "__main__":
    common.main()
