#!/usr/bin/env python3
"""The training loops that "make bench" compares with, in PyTorch, tuned for this CPU.

    torch_reference.py THREADS              reads requests from standard input, one a line,
                                            and answers each with one line: samples per second
    torch_reference.py THREADS REQUEST...   the same for the arguments
    torch_reference.py --describe           versions and settings, as one line

A request is a network, a batch size and a number of samples: "784-512-256-10/128/20000".  Sizes alone are
Linear layers with ReLU between them; a word before them names what else is between (BETWEEN, below).
More than one output: CrossEntropyLoss over class indices; one output: MSELoss.  Adam with its defaults.

The loop is the fastest plain one: tensors in memory, batches are slices, neither DataLoader nor
shuffling.  Everything that PyTorch, OpenBLAS and OpenMP read from the environment is set before they are
loaded; what the caller has set stays.
"""
import os
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


def tuned(threads):
    """The environment in which PyTorch 1.13 over Debian's OpenBLAS uses what the CPU has."""
    flags, amd = cpu()
    # OpenMP's threads would spin while OpenBLAS's compute, on the same CPUs
    env = {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads), "GOMP_SPINCOUNT": "0"}
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


def samples_per_second(torch, request):
    shape, batch, samples = request.split("/")
    kind, sizes = shape.split("-", 1) if shape[0].isalpha() else ("relu", shape)
    sizes, batch, samples = [int(n) for n in sizes.split("-")], int(batch), int(samples)
    rows = max(batch, min(samples, 20000 if sizes[0] > 100 else 100000))
    torch.manual_seed(0)
    x = torch.rand(rows, sizes[0])
    if sizes[-1] > 1:
        y, loss = torch.randint(0, sizes[-1], (rows,)), torch.nn.CrossEntropyLoss()
    else:
        y, loss = torch.rand(rows, 1), torch.nn.MSELoss()
    model = network(torch.nn, kind, sizes)
    optimizer = torch.optim.Adam(model.parameters())
    batches = list(zip(x.split(batch), y.split(batch)))[: rows // batch]

    def steps(n):
        for i in range(n):
            xb, yb = batches[i % len(batches)]
            optimizer.zero_grad()
            value = loss(model(xb), yb)
            value.backward()
            optimizer.step()

    steps(WARM_STEPS)
    n = max(1, samples // batch)
    start = time.perf_counter()
    steps(n)
    return n * batch / (time.perf_counter() - start)


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
        settings = " ".join(f"{key}={os.environ[key]}" for key in env if not key.endswith("THREADS"))
        print(f"PyTorch {torch.__version__} {settings}")
        return
    torch.set_num_threads(threads)
    for request in sys.argv[2:] or map(str.strip, sys.stdin):
        print(f"{samples_per_second(torch, request):.0f}", flush=True)


if __name__ == "__main__":
    main()
