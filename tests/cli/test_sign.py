#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Signed modules: making, checking, demanding; installing."""
import os
import shutil
import stat
import subprocess
import unittest

import common

CHAIN = """
ports: {a: {generate: 3}}
modules: {acl: %s}
links: [a -> acl]
"""


class Sign(common.Case):
    def setUp(self):
        super().setUp()
        self.env = {"VISOR_MODULE_PATH": self.path("mods")}
        os.mkdir(self.path("mods"))
        self.module = self.path("mods/acl.o")
        shutil.copy(common.module("acl"), self.module)
        self.visor("module", "keygen", "k")
        with open(self.path("k.pub")) as f:
            self.key = f.read().splitlines()[1]

    def policy(self, text="signatures: require\nkeys: [k.pub]\n", name="policy.yaml"):
        return {**self.env, "VISOR_POLICY": self.path(name, text)}

    def chain(self, more="", module="acl"):
        return self.path("chain.yaml", CHAIN % module + more)

    def sign(self, *args):
        self.visor("module", "sign", self.module, "--secret-key", "k.key", *args)

    def refused(self, *args, says, env=None):
        """Every way to load it says the same."""
        self.fails(*args, env=env or self.env, says=says)
        self.assertIn("acl.o", self.err)

    def test_require_in_chain(self):
        for more in ("signatures: require\nkeys: [k.pub]\n", f"signatures: require\nkeys: ['{self.key}']\n"):
            chain = self.chain(more)
            if os.path.exists(self.module + ".minisig"):
                os.unlink(self.module + ".minisig")
            self.refused("run", chain, says=["chain.yaml:3:16", "it is not signed, and ", "requires it",
                                             ".minisig"])
            self.refused("graph", chain, says="not signed")
            self.sign()
            self.visor("run", chain, env=self.env)
            self.visor("graph", chain, env=self.env)
        # One bit of the object; and the signature of another.
        with open(self.module, "rb") as f:
            data = f.read()
        with open(self.module, "wb") as f:
            f.write(data.replace(b"Dual BSD/GPL", b"Dual BSD/GPM"))
        self.refused("run", chain, says="no good signature, and ")
        self.assertIn("the object is not what was signed", self.err)
        shutil.copy(common.module("counter"), self.module)
        self.refused("run", chain, says="the object is not what was signed")
        self.sign()
        self.visor("run", chain, env=self.env)
        self.visor("module", "keygen", "other")
        self.visor("module", "sign", self.module, "--secret-key", "other.key")
        self.refused("run", chain, says=["it is signed with key ", "none of the 1 that", "trusts"])

    def test_damaged_signatures(self):
        chain = self.chain("signatures: require\nkeys: [k.pub]\n")
        self.sign()
        with open(self.module + ".minisig", "rb") as f:
            good = f.read()
        def damage(data, says):
            with open(self.module + ".minisig", "wb") as f:
                f.write(data)
            self.refused("run", chain, says=says)
        lines = good.splitlines(True)
        damage(b"", "does not begin")
        damage(b"\0" * 100, "is no text")
        damage(good * 60, "cannot be read")
        damage(b"".join(lines[:2]), "no trusted comment")
        damage(b"".join(lines[:3]), "of the trusted comment is damaged")
        damage(lines[0] + lines[1][:20] + b"\n" + b"".join(lines[2:]), "the signature is damaged")
        damage(b"".join(lines[:2]) + b"trusted comment: another\n" + lines[3],
               "the trusted comment is not what was signed")
        damage(good + b"more\n", "something behind")
        os.unlink(self.module + ".minisig")
        os.mkfifo(self.module + ".minisig")
        self.refused("run", chain, says="cannot be read")
        os.unlink(self.module + ".minisig")
        os.mkdir(self.module + ".minisig")
        self.refused("run", chain, says="cannot be read")

    def test_policy_of_the_system(self):
        env = self.policy()
        single = ("run", self.module, "--in", self.path("in.pcap", common.pcap([common.ipv4()])))
        load = ("--state", self.path("state"), "prog", "load", self.module)
        for args in (("run", self.chain()), single, load,
                     ("module", "install", self.module, "--dir", self.path("there"))):
            self.refused(*args, env=env, says=["policy.yaml", "requires it"])
        self.assertFalse(os.path.exists(self.path("there")))
        self.assertEqual(self.json("--state", self.path("state"), "map", "list"), [])
        # Nothing makes it less strict, and source is signed by nobody.
        self.refused("run", self.chain("signatures: optional\n"), env=env, says="requires it")
        self.path("m.c", "")
        self.fails("run", self.chain(module="./m.c"), env=env, says="source is not signed")
        self.sign()
        for args in (("run", self.chain()), single, load):
            self.visor(*args, env=env)
        # A chain may demand more: both keys.
        self.visor("module", "keygen", "other")
        self.refused("run", self.chain("signatures: require\nkeys: [other.pub]\n"), env=env,
                     says="none of the 1 that")
        # And may name none: the system's are meant.
        self.visor("run", self.chain("signatures: require\n"), env=env)
        self.refused("run", self.chain("signatures: require\n"), says="none of the 0 that")
        self.visor("run", self.chain(), env=self.policy("signatures: optional\n"))

    def test_bad_policies(self):
        for text, says in (("", "a policy is a mapping"), ("signatures: maybe\n", "policy.yaml:1:13"),
                           ("signatures: [x]\n", "require or optional"), ("keys: k.pub\n", "is a list"),
                           ("keys: [nosuch.pub]\n", "neither a public key nor a file"),
                           ("keys: [k.key]\n", "no public key in"), ("key: []\n", "unknown key 'key'"),
                           ("a: [", "policy.yaml:"), (f"keys: [{', '.join([self.key] * 65)}]\n", "more than 64")):
            self.fails("run", self.chain(), env=self.policy(text), says=says)
        self.fails("run", self.chain(), env={**self.env, "VISOR_POLICY": self.path("nosuch.yaml")},
                   says="nosuch.yaml")
        self.fails("run", self.chain("signatures: maybe\n"), env=self.env, says=["chain.yaml:", "require or optional"])

    def test_looks(self):
        def look(env):
            listed = [m for m in self.json("module", "list", env=env) if m["file"] == self.module]
            x = self.json("module", "inspect", "acl", env=env)
            self.assertEqual(x["signature"], listed[0]["signature"])
            return x["signature"]
        self.assertEqual(look(self.env), "unsigned")
        self.sign()
        self.assertRegex(look(self.env), "^unknown key [0-9A-F]{16}$")
        env = self.policy("keys: [k.pub]\n")
        self.assertRegex(look(env), "^signed by [0-9A-F]{16}$")
        with open(self.module, "ab") as f:
            f.write(b"\0")
        self.assertEqual(look(env), "bad: the object is not what was signed")

    @unittest.skipUnless(shutil.which("minisign"), "minisign is not installed")
    def test_minisign(self):
        """Both ways, in both formats."""
        chain = self.chain("signatures: require\nkeys: [m.pub, k.pub]\n")
        def minisign(*args):
            subprocess.run(["minisign", *args], check=True, cwd=self.dir, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE)
        minisign("-G", "-W", "-p", "m.pub", "-s", "m.key")
        for legacy in ((), ("-l",)):
            minisign("-S", *legacy, "-s", "m.key", "-t", "by minisign", "-m", self.module)
            self.visor("run", chain, env=self.env)
        self.sign("--comment", "by visor")
        minisign("-V", "-p", "k.pub", "-m", self.module)
        self.visor("module", "sign", self.module, "--secret-key", "m.key")
        minisign("-V", "-H", "-p", "m.pub", "-m", self.module)
        minisign("-S", "-s", "k.key", "-m", self.module)
        self.visor("run", chain, env=self.env)

    def test_keys(self):
        self.assertEqual(stat.S_IMODE(os.stat(self.path("k.key")).st_mode), 0o600)
        self.fails("module", "keygen", "k", says=["k.key", "cannot write the key"])
        self.fails("module", "sign", self.module, code=2, says="--secret-key is missing")
        self.fails("module", "sign", self.module, "--secret-key", "k.pub", says="not a secret key")
        self.fails("module", "sign", self.module, "--secret-key", "none", says="none")
        self.fails("module", "sign", self.path("x.o", "x"), "--secret-key", "k.key", says="not an ELF file")
        self.assertFalse(os.path.exists(self.path("x.o.minisig")))

    def test_without_library(self):
        """Nothing is trusted that cannot be verified; what needs no signature runs."""
        self.sign()
        env = {**self.env, **self.without("libcrypto.so.3")}
        says = ["libcrypto.so.3", "hint: install OpenSSL's libcrypto"]
        self.fails("module", "keygen", "new", env=env, says=says)
        self.assertFalse(os.path.exists(self.path("new.key")) or os.path.exists(self.path("new.pub")))
        with open(self.module + ".minisig") as f:
            before = f.read()
        self.fails("module", "sign", self.module, "--secret-key", "k.key", env=env, says=says)
        with open(self.module + ".minisig") as f:
            self.assertEqual(f.read(), before)
        self.visor("run", self.chain(), env=env)
        chain = self.chain("signatures: require\nkeys: [k.pub]\n")
        self.refused("run", chain, env=env, says=["it cannot be verified: ", "libcrypto.so.3"])
        self.visor("run", chain, env=self.env)

    def test_install(self):
        there = self.path("there")
        self.sign()
        out = self.visor("module", "install", self.module, "--dir", there)
        self.assertEqual(out.strip(), there + "/acl.o")
        self.assertEqual(sorted(os.listdir(there)), ["acl.o", "acl.o.minisig"])
        env = {**self.policy(), "VISOR_MODULE_PATH": there}
        self.visor("run", self.chain(), env=env)
        # Again, without a signature: the old one goes.
        os.unlink(self.module + ".minisig")
        self.visor("module", "install", self.module, env={"VISOR_MODULE_PATH": there + ":/nowhere"})
        self.assertEqual(os.listdir(there), ["acl.o"])
        # A version keeps its contents.
        shutil.copy(self.module, self.path("acl-1.2.o"))
        self.assertEqual(self.visor("module", "install", self.path("acl-1.2.o"), "--dir", there).strip(),
                         there + "/acl-1.2.o")
        self.visor("module", "inspect", "acl@1.2", env={"VISOR_MODULE_PATH": there})
        self.fails("module", "install", self.path("bad.o", "x"), "--dir", there, says="not an ELF file")
        self.fails("module", "install", self.module, "--dir", self.path("a/b/c"), says="cannot make the folder")
        self.assertEqual(sorted(os.listdir(there)), ["acl-1.2.o", "acl.o"])


if __name__ == "__main__":
    common.main()
