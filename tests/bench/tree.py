# SPDX-License-Identifier: MIT
"""What is measured on a tree: a copy of the given one, which is left as it is."""
import re
import shlex
import shutil
import statistics
import subprocess
import sys

from bench import HERE, told
from compare import megabytes
from peers import EMPTY_PLACE, PEERS, fresh
from source import Source


class Tree(Source):
    kind, name = "tree", "tree"

    def begin(self):
        self.copy = self.bench.work / "tree-copy"
        self.end()
        original = self.bench.tree()
        told(f"copying {original}")
        self.bench.shell(f"cp -a {shlex.quote(str(original))} {shlex.quote(str(self.copy))}")
        files = sorted(path for path in self.copy.rglob("*") if path.is_file() and not path.is_symlink())
        self.file = files[len(files) * 2 // 3].relative_to(self.copy)
        self.bench.project("code", root=str(self.copy), databases=[])

    def end(self):
        shutil.rmtree(self.copy, ignore_errors=True)
        super().end()

    def alter(self, seed):
        """One per cent of the files, in a few folders, others for each seed."""
        subprocess.run([sys.executable, HERE / "make_tree.py", self.copy, "--mutate", "1", "--seed", str(seed)],
                       stdout=subprocess.DEVNULL, check=True)

    def given(self, peer, **more):
        return super().given(peer, TREE=self.copy, FILE=self.file, PROJECT=self.bench.work / "code", KIND="--code-only", **more)

    def warm(self):
        return (self.copy,)

    def same(self, step, peer):
        if step == "restore":
            return f'diff -rq --no-dereference "$TREE" "{peer.restored}" && rm -rf "$PLACE"'
        return 'cmp "$TREE/$FILE" "$(find "$PLACE" -type f)"'

    def and_more(self, steps):
        if "file" in steps:
            self.read_for_one_file()
        if "full" in self.bench.given.steps:
            self.proportions(steps["full"])

    def read_for_one_file(self):
        """How much of the archive and its index jbackup reads for one file."""
        if not shutil.which("strace") or self.peers[:1] != PEERS[:1]:
            return
        ours, trace = PEERS[0], self.bench.work / "trace"
        given = self.with_newest(ours, self.given(ours))
        self.bench.shell(f'{EMPTY_PLACE} && strace -f -qq -y -e trace=read,pread64 -o "{trace}" {ours.tree["file"]}', given)
        read = sum(int(amount) for amount in
                   re.findall(r"codebase_[^>]*>.* = (\d+)$", trace.read_text(errors="replace"), re.M))
        print(f"\nFor one file of {(self.copy / self.file).stat().st_size} bytes jbackup reads {megabytes(read / 1e6)} of the "
              "archive and its index.")

    def proportions(self, full):
        """Two that are no matter of time: to gzip's size, and the memory that a small tree takes."""
        ours = full.good().get(PEERS[0].column)
        if not ours:
            return
        told("packing the tree by gzip -6")
        plain = int(self.bench.shell(f'tar -C "{self.copy}" -cf - . | gzip -6 | wc -c')) / 1e6
        print(f"\nArchive and index to `tar -c | gzip -6`: {statistics.median(ours.sizes) / plain:.3f}.")
        small = self.bench.make("tree-60M", "make_tree.py", "--files", 1800, "--bytes", "60M")
        self.bench.project("code-60M", root=str(small), databases=[])
        given = {**self.given(PEERS[0]), "PROJECT": str(self.bench.work / "code-60M")}
        self.bench.shell(fresh(PEERS[0]), given)
        _, peak = self.bench.measure(PEERS[0].tree["backup"], given)
        print(f"Peak memory of jbackup: {megabytes(max(ours.peaks))}; with a tree of 60 MB: {megabytes(peak)}.", flush=True)
