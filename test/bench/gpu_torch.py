#!/usr/bin/env python3
"""The training loops that test/bench/gpu_compare compares with, in PyTorch, tuned for a GPU.

    gpu_torch.py DEVICE VARIANT             reads requests, one a line, and answers each with one line
    gpu_torch.py --first DEVICE REQUEST     seconds of the first step of the eager loop, without importing PyTorch
    gpu_torch.py --describe DEVICE          versions, as one line
    gpu_torch.py --variants                 what VARIANT can be

DEVICE is cuda or cpu.  A request is a network, a batch size and a precision, then seconds to measure:
"784-512-256-10/128/float32 0.5" (gpu_fit.c says what they mean).  The answer is steps per second, or "error: ...".
0 seconds only prepare, which may compile for a minute.  Everything that a VARIANT can compute it keeps.

The loop is the fastest plain one: data on the device, batches cut beforehand, neither DataLoader nor shuffling
(pgtorch shuffles), nothing waits for the device within a measurement, one kernel for Adam (fused).
float32 is float32 ("highest").
"""
import os
import sys
import time
import traceback

VARIANTS = {
    "eager": "plain PyTorch",
    "compile": "network and loss by torch.compile",
    "compile-autotune": "the same, mode max-autotune-no-cudagraphs",
    "reduce-overhead": "the same, mode reduce-overhead: CUDA graphs of forward and of backward",
    "graph": "the whole step of the plain loop as one CUDA graph, batches copied into its inputs",
    "graph-compile": "the same of the compiled network",
}
# ours has the same: random targets at a usual rate would end in NaN some time
LEARNING_RATE = 1e-4
WARM_STEPS = 5


def parse(request):
    sizes, batch, precision = request.split("/")
    if precision not in ("float32", "bfloat16"):
        raise ValueError(f"precision must be float32 or bfloat16, not {precision}")
    return [int(n) for n in sizes.split("-")], int(batch), precision


class Training:
    """A network with its data; run(n) does n steps."""

    def __init__(self, torch, device, variant, request):
        self.torch, self.device = torch, device
        cuda = device == "cuda"
        graph = variant.startswith("graph")
        if not cuda and (graph or variant == "reduce-overhead"):
            raise ValueError("needs a GPU")
        sizes, batch, precision = parse(request)
        torch.manual_seed(0)
        batches = max(4, min(400, 64 * 1024 * 1024 // (batch * sizes[0])))
        self.batches = []
        for _ in range(batches):
            x = torch.rand(batch, sizes[0], device=device)
            if sizes[-1] > 1:
                y = torch.randint(0, sizes[-1], (batch,), device=device)
            else:
                y = torch.rand(batch, 1, device=device)
            self.batches.append((x, y))
        self.next = 0
        layers = []
        for i, (a, b) in enumerate(zip(sizes, sizes[1:])):
            layers += [torch.nn.ReLU()] if i > 0 else []
            layers.append(torch.nn.Linear(a, b))
        model = torch.nn.Sequential(*layers).to(device)
        criterion = torch.nn.CrossEntropyLoss() if sizes[-1] > 1 else torch.nn.MSELoss()
        options = {"fused": True, "capturable": graph} if cuda else {"fused": True}
        optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, **options)
        lower = precision == "bfloat16"

        def loss_of(x, y):
            # a graph must not keep the weights' copies from one run to the next
            with torch.autocast(device, dtype=torch.bfloat16, enabled=lower, cache_enabled=not graph):
                return criterion(model(x), y)

        # dynamic: each network for its own sizes, not the second and third for any
        if variant in ("compile", "graph-compile"):
            loss_of = torch.compile(loss_of, dynamic=False)
        elif variant == "compile-autotune":
            loss_of = torch.compile(loss_of, dynamic=False, mode="max-autotune-no-cudagraphs")
        elif variant == "reduce-overhead":
            loss_of = torch.compile(loss_of, dynamic=False, mode="reduce-overhead")
        elif variant not in ("eager", "graph"):
            raise ValueError(f"no variant {variant}")
        mark = torch.compiler.cudagraph_mark_step_begin if variant == "reduce-overhead" else None

        def step(x, y):
            if mark is not None:
                mark()
            optimizer.zero_grad(set_to_none=True)
            loss_of(x, y).backward()
            optimizer.step()

        self.step = self.capture(step, optimizer, loss_of) if graph else step

    def capture(self, step, optimizer, loss_of):
        torch = self.torch
        x, y = (t.clone() for t in self.batches[0])
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):
                step(x, y)
        torch.cuda.current_stream().wait_stream(stream)
        optimizer.zero_grad(set_to_none=True)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            loss_of(x, y).backward()
            optimizer.step()

        def replay(xb, yb):
            x.copy_(xb)
            y.copy_(yb)
            graph.replay()

        return replay

    def wait(self):
        if self.device == "cuda":
            self.torch.cuda.synchronize()

    def run(self, n):
        """n steps; seconds."""
        batches, step, i = self.batches, self.step, self.next
        self.wait()
        start = time.perf_counter()
        for _ in range(n):
            step(*batches[i])
            i = i + 1 if i + 1 < len(batches) else 0
        self.wait()
        self.next = i
        return time.perf_counter() - start


def load(device):
    import torch

    torch.set_float32_matmul_precision("highest")
    if device == "cuda":
        if not torch.cuda.is_available():
            raise RuntimeError("PyTorch sees no GPU")
        torch.backends.cuda.matmul.allow_tf32 = False
    return torch


def one_line(error):
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"error: {type(error).__name__}: {' '.join(lines[:2])}"[:300]


def serve(device, variant):
    # what compilers print must not stand among the answers
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(text):
        print(text, file=out, flush=True)

    kept = {}
    torch = failed = None
    try:
        torch = load(device)
    except Exception as error:  # the one who asks is told, with each request
        failed = one_line(error)
    for line in sys.stdin:
        if failed is not None:
            answer(failed)
            continue
        try:
            request, seconds = line.split()
            if request not in kept:
                training = Training(torch, device, variant, request)
                training.run(WARM_STEPS)
                kept[request] = (training, 2 / max(training.run(2), 1e-6))
            training, rate = kept[request]
            if float(seconds) > 0:
                # long enough by what the last measurement says; too short a one is done again
                while True:
                    n = max(2, int(rate * float(seconds)))
                    took = training.run(n)
                    rate = n / took
                    if took >= 0.5 * float(seconds):
                        break
                kept[request] = (training, rate)
                answer(f"{rate:.6g}")
            else:
                answer("0")
        except Exception as error:
            kept.pop(line.split()[0] if line.split() else "", None)
            answer(one_line(error))
            traceback.print_exc()


def first(device, request):
    try:
        torch = load(device)
        start = time.perf_counter()
        Training(torch, device, "eager", request).run(1)
        print(f"{time.perf_counter() - start:.3f}")
    except Exception as error:
        print(one_line(error))


def describe(device):
    try:
        torch = load(device)
        where = torch.cuda.get_device_name(0) if device == "cuda" else "CPU"
        print(f"PyTorch {torch.__version__}, CUDA {torch.version.cuda}, on {where}")
    except Exception as error:
        print(one_line(error))
        sys.exit(1)


def main():
    args = sys.argv[1:]
    os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "4")
    if args == ["--variants"]:
        for name, what in VARIANTS.items():
            print(f"{name:18} {what}")
    elif len(args) == 3 and args[0] == "--first":
        first(args[1], args[2])
    elif len(args) == 2 and args[0] == "--describe":
        describe(args[1])
    elif len(args) == 2 and args[0] in ("cuda", "cpu"):
        serve(*args)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
