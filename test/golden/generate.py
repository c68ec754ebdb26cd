#!/usr/bin/python3
"""What writes the fixtures of test/golden, and a program that writes all of them, beside this file or into DIR:

    make golden PYTHON=...          python3 generate.py [DIR]           python3 generate_ops.py

Numbers are PyTorch 2.15's, which the first line of a fixture says.  Tests need no PyTorch: test/engine/golden.h reads
the fixtures, of a folder all.

A fixture is a list of cases.  "case NAME" begins one; every other line is "KEY: text" or "KEY dtype[sizes]: elements".  Floats
have as many digits as read back exactly.  A case begins with a seed of its own, made of its name (and of how many of that name
came before), so that a new case changes no other: what is random is drawn after Fixture.case.

Cases of ops have an expression as their name, and

    a, b, c ...          the inputs, as many as there are
    want                 the result, or
    count, want/0 ...    how many results a tuple has, and each of them
    grad/a ...           gradients of the sum of all results that are floats
    error                instead of these: PyTorch refuses
"""
import glob
import os
import subprocess
import sys
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))


def path_of(name):
    """Where a fixture is written, in a folder that is there."""
    path = os.path.join(os.environ.get("PGTORCH_GOLDEN") or HERE, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    return path


class Fixture:
    """NAME may have a folder: ops/scalar.txt."""

    def __init__(self, name):
        self.file = open(path_of(name), "w", buffering=1)
        self.file.write("# made by %s with PyTorch %s\n" % (os.path.basename(sys.argv[0]), torch.__version__.split("+")[0]))
        self.count = {}

    def case(self, name, seeded=True):
        self.file.write("case %s\n" % name)
        self.count[name] = self.count.get(name, 0) + 1
        if seeded:
            seed(name, self.count[name])

    def text(self, key, value):
        self.file.write("%s: %s\n" % (key, value))

    def tensor(self, key, t):
        dtype = str(t.dtype).replace("torch.", "")
        values = t.detach().flatten()
        if t.dtype == torch.float64:
            numbers = [repr(v) for v in values.tolist()]
        elif t.is_floating_point():
            numbers = ["%.9g" % v for v in values.tolist()]
        else:
            numbers = ["%d" % v for v in values.tolist()]
        self.file.write("%s %s[%s]: %s\n" % (key, dtype, ",".join(map(str, t.shape)), " ".join(numbers)))


def seed(*what):
    """Seeds PyTorch by what is to be drawn: the same in every run of Python, and for every order of cases."""
    torch.manual_seed(zlib.crc32(" ".join(map(str, what)).encode()))


def main():
    where = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else HERE)
    environment = dict(os.environ, PGTORCH_GOLDEN=where, OMP_NUM_THREADS="1")
    for path in sorted(glob.glob(os.path.join(HERE, "generate_*.py"))):
        print("  " + os.path.basename(path), flush=True)
        subprocess.run([sys.executable, "-B", "-W", "ignore", path], env=environment, check=True)


if __name__ == "__main__":
    main()
else:
    # kernels that every x86-64 processor of the last ten years has, and one thread, so that sums have one order: fixtures made
    # on another machine are the same but for a few last digits
    os.environ.update(ATEN_CPU_CAPABILITY="avx2", MKL_CBWR="AVX2", ONEDNN_MAX_CPU_ISA="AVX2")
    import torch

    torch.set_num_threads(1)
