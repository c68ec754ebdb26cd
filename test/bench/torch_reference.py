#!/usr/bin/env python3
"""The training loops that "make bench" compares with, in PyTorch, tuned for this CPU.

    torch_reference.py THREADS              reads requests from standard input, one a line, and answers each
                                            with one line of ways and samples per second: "eager 27000 compiled 25000"
    torch_reference.py THREADS REQUEST...   the same for the arguments
    torch_reference.py --describe           versions and settings, as one line

A request is a network, a batch size and a number of samples: "784-512-256-10/128/20000".  Sizes alone are
Linear layers with ReLU between them; a word before them names what else is between (BETWEEN, below).
More than one output: CrossEntropyLoss over class indices; one output: MSELoss.  Adam with its defaults.

The loop is the fastest plain one: tensors in memory, batches are slices, neither DataLoader nor
shuffling, and the fused Adam where PyTorch has it for the CPU.  It runs eagerly and, where PyTorch has
torch.compile and there is a C++ compiler, with network and loss compiled.  Everything that PyTorch, OpenBLAS and
OpenMP read from the environment is set before they are loaded; what the caller has set stays.
"""
import importlib.metadata
import os
import shutil
import sys
import time

WARM_STEPS = 5

# what stands between two Linear layers, n wide
BETWEEN = {
    "relu": lambda nn, n: [nn.ReLU()],
    "batchnorm": lambda nn, n: [nn.BatchNorm1d(n), nn.GELU(), nn.Dropout(0.2)],
    "layernorm": lambda nn, n: [nn.LayerNorm(n), nn.SiLU()],
}


def cpu():
    """The flags of the CPU, and whether AMD made it."""
    flags, amd = set(), False
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as f:
            for line in f:
                key, _, value = line.partition(":")
                if key.strip() == "flags":
                    flags = set(value.split())
                    break
                if key.strip() == "vendor_id":
                    amd = value.strip() == "AuthenticAMD"
    except OSError:
        pass
    return flags, amd


def is_old():
    """Whether this is PyTorch 1, without loading it."""
    try:
        return int(importlib.metadata.version("torch").split(".")[0]) < 2
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return True


def tuned(threads):
    """The environment in which PyTorch uses what the CPU has: 2 sees that itself, 1.13 over Debian's OpenBLAS does not."""
    env = {"OMP_NUM_THREADS": str(threads)}
    if not is_old():
        return env
    flags, amd = cpu()
    # OpenMP's threads would spin while OpenBLAS's compute, on the same CPUs
    env.update({"OPENBLAS_NUM_THREADS": str(threads), "GOMP_SPINCOUNT": "0"})
    wide = {"avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512cd"} <= flags
    if wide:
        env["OPENBLAS_CORETYPE"] = "SkylakeX"
        env["ATEN_CPU_CAPABILITY"] = "avx512"
    elif {"avx2", "fma"} <= flags:
        env["OPENBLAS_CORETYPE"] = "Zen" if amd else "Haswell"
        env["ATEN_CPU_CAPABILITY"] = "avx2"
    return env


def network(nn, kind, sizes):
    layers = []
    for i, (a, b) in enumerate(zip(sizes, sizes[1:])):
        layers += BETWEEN[kind](nn, a) if i > 0 else []
        layers.append(nn.Linear(a, b))
    return nn.Sequential(*layers)


def adam(torch, parameters):
    try:
        return torch.optim.Adam(parameters, fused=True)
    except (TypeError, RuntimeError):  # PyTorch 1, and the first of 2
        return torch.optim.Adam(parameters)


class Training:
    """One network with its data; ways: what computes the loss of a batch, by name."""

    def __init__(self, torch, request):
        shape, batch, samples = request.split("/")
        kind, sizes = shape.split("-", 1) if shape[0].isalpha() else ("relu", shape)
        sizes, self.batch, samples = [int(n) for n in sizes.split("-")], int(batch), int(samples)
        rows = max(self.batch, min(samples, 20000 if sizes[0] > 100 else 100000))
        self.steps = max(1, samples // self.batch)
        torch.manual_seed(0)
        x = torch.rand(rows, sizes[0])
        if sizes[-1] > 1:
            y, loss = torch.randint(0, sizes[-1], (rows,)), torch.nn.CrossEntropyLoss()
        else:
            y, loss = torch.rand(rows, 1), torch.nn.MSELoss()
        self.batches = list(zip(x.split(self.batch), y.split(self.batch)))[: rows // self.batch]
        model = network(torch.nn, kind, sizes)
        self.optimizer = adam(torch, model.parameters())
        self.ways = {"eager": lambda x, y: loss(model(x), y)}
        if hasattr(torch, "compile") and shutil.which(os.environ.get("CXX", "g++")):
            try:
                self.ways["compiled"] = torch.compile(self.ways["eager"])
                self.run("compiled", WARM_STEPS)
            except Exception as e:  # whatever its compiler meets: the comparison goes on without it
                print(f"torch.compile: {type(e).__name__}: {str(e).splitlines()[0]}", file=sys.stderr)
                self.ways.pop("compiled", None)

    def run(self, way, n):
        compute = self.ways[way]
        for i in range(n):
            self.optimizer.zero_grad()
            compute(*self.batches[i % len(self.batches)]).backward()
            self.optimizer.step()

    def samples_per_second(self, way):
        self.run(way, WARM_STEPS)
        start = time.perf_counter()
        self.run(way, self.steps)
        return self.steps * self.batch / (time.perf_counter() - start)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    describe = sys.argv[1] == "--describe"
    threads = 1 if describe else int(sys.argv[1])
    env = tuned(threads)
    for key, value in env.items():
        os.environ.setdefault(key, value)

    import torch  # not before the environment is set

    if describe:
        settings = "".join(f" {key}={os.environ[key]}" for key in env if not key.endswith("THREADS"))
        print(f"PyTorch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}{settings}"
              if hasattr(torch.backends, "cpu") else f"PyTorch {torch.__version__}{settings}")
        if is_old():
            print("the gates mean PyTorch 2")
        return
    torch.set_num_threads(threads)
    trainings = {}  # what was compiled is used again
    for request in sys.argv[2:] or map(str.strip, sys.stdin):
        if request not in trainings:
            trainings[request] = Training(torch, request)
        t = trainings[request]
        print(" ".join(f"{way} {t.samples_per_second(way):.0f}" for way in t.ways), flush=True)


if __name__ == "__main__":
    main()
