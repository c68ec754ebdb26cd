#!/usr/bin/python3
"""Writes results.txt with PyTorch: ops with several results, with lists, and with shapes that depend on data; forms of one name; tensors from nothing.

The form is that of generate.py.  Each case is drawn from a seed of its own.
"""
import zlib

import torch

from generate import Fixture

nan, inf = float("nan"), float("inf")
NAMES = {"torch": torch, "nan": nan}
for name in "nonzero unique max min unbind sum zeros ones full arange eye linspace".split():
    NAMES[name] = getattr(torch, name)
fixture = Fixture("results.txt")


def case(text, *inputs):
    inputs = [x.clone().requires_grad_(x.is_floating_point()) for x in inputs]
    scope = dict(NAMES, **dict(zip("ab", inputs)))
    fixture.case(text)
    for name, x in zip("ab", inputs):
        fixture.tensor(name, x)
    try:
        y = eval(text, scope)
    except (RuntimeError, IndexError, TypeError, ValueError) as e:
        fixture.text("error", str(e).split("\n")[0][:100])
        return
    several = isinstance(y, tuple)
    results = list(y) if several else [y]
    if several:
        fixture.text("count", len(results))
    for i, r in enumerate(results):
        fixture.tensor("want/%d" % i if several else "want", r)
    floats = [r for r in results if r.is_floating_point() and r.requires_grad]
    if not floats or (text in ("max(a)", "min(a)") and torch.isnan(floats[0])):
        return  # at NaN the gradient of max is shared among those that are NaN, that of amax is not; ours are alike
    try:
        grads = torch.autograd.grad(sum(r.sum() for r in floats), inputs[:1], allow_unused=True)
    except (RuntimeError, NotImplementedError):
        return
    if grads[0] is not None:
        fixture.tensor("grad/a", grads[0] + 0.0)


def seeded(text, dtype, shape):
    """Few distinct numbers, so that there are zeros and equal ones; of floats also NaN, infinities and both zeros."""
    g = torch.Generator().manual_seed(zlib.crc32(("%s %s %s" % (text, dtype, shape)).encode()))
    x = torch.randint(-3, 4, shape, generator=g)
    if dtype == torch.bool:
        return x > 0
    if dtype == torch.uint8:
        return (x + 3).to(dtype)
    if not dtype.is_floating_point:
        return x.to(dtype) * (torch.iinfo(dtype).max // 4 if dtype != torch.int64 else 2**61)
    x = x.to(dtype) * 1.5
    kind = torch.randint(0, 12, shape, generator=g)
    for i, value in enumerate([nan, inf, -inf, -0.0]):
        x[kind == i] = value
    return x


dtypes = [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool]
shapes = [(), (1,), (7,), (0,), (3, 4), (0, 3), (2, 3, 2)]
for dtype in dtypes:
    for shape in shapes:
        for text in ["nonzero(a)", "unique(a)", "unique(a, return_inverse=True)", "unique(a, sorted=False, return_counts=True)", "unique(a, True, True, True)",
                     "unbind(a)", "unbind(a, dim=-1)", "max(a, 0)", "min(a, -1, True)", "max(a, dim=0).values", "max(a)", "min(a)"]:
            case(text, seeded(text, dtype, shape))
    # rows: without NaN, whose order among rows PyTorch leaves open
    for shape in [(5, 2), (2, 6), (1, 1), (0, 2), (2, 0), (4, 2, 2), (3,)]:
        for text in ["unique(a, dim=0)", "unique(a, dim=-1, return_inverse=True, return_counts=True)", "unique(a, True, True, True, 1)"]:
            x = seeded(text, dtype, shape)
            case(text, torch.where(torch.isnan(x), torch.zeros_like(x), x) if dtype.is_floating_point else x)
    for text in ["max(a, b)", "min(a, other=b)"]:
        case(text, seeded(text, dtype, (2, 3)), seeded(text, torch.float32, (3,)))
        case(text, seeded(text, dtype, (4,)), seeded(text, dtype, (4,)))
# many: more than one block is sorted and merged
for text in ["unique(a, return_inverse=True, return_counts=True)", "nonzero(a)", "sum(nonzero(a))"]:
    g = torch.Generator().manual_seed(zlib.crc32(text.encode()))
    case(text, torch.randint(-150, 150, (9001,), generator=g).to(torch.int16) // 100 * torch.randint(-90, 90, (9001,), generator=g).to(torch.int16))
# from sizes and numbers alone, and beside tensors
for text in ["zeros(2, 3)", "zeros((2, 3))", "zeros([2])", "zeros(3)", "zeros(())", "zeros(0, 2)", "zeros(size=(1, 2))", "ones(2, dtype=torch.int64)", "ones(1, 2, dtype=torch.bool)",
             "full((2, 3), 0.5)", "full((2,), 3)", "full([1], True)", "full((), -2.5, dtype=torch.float64)", "full((2,), 1.9, dtype=torch.int8)", "full((3,), nan)",
             "full((2,), 300, dtype=torch.uint8)", "full((2,), 70000.0, dtype=torch.float16)", "full((2,), nan, dtype=torch.int32)",
             "arange(5)", "arange(end=4)", "arange(1, 5)", "arange(5, 0, -2)", "arange(0, 1, 0.25)", "arange(start=1, end=3)", "arange(3, dtype=torch.float16)", "arange(2.5)", "arange(0)",
             "arange(1, 7, step=3)", "arange(0, 5, 0)", "arange(5, 0)", "arange('x')", "arange()", "arange(5, step=2)", "eye(3)", "eye(2, 3)", "eye(3, m=1)", "eye(0)", "eye(2, dtype=torch.uint8)",
             "eye(-1)", "zeros()", "zeros(2.5)", "zeros(True)", "zeros(2, [3])", "zeros(-1)", "zeros('x')", "full((2,))", "linspace(0, 1, -1)", "linspace(0, 1, 0.5)",
             "linspace(0, 300, 3, dtype=torch.uint8)", "linspace(0, 1, 3, dtype=torch.bool)"]:
    case(text)
for dtype in dtypes[:9]:
    for text in ["linspace(0, 1, 5, dtype=%s)", "linspace(1, 100, 7, dtype=%s)", "linspace(100, 1.5, 8, dtype=%s)", "linspace(3, 3, 4, dtype=%s)", "linspace(2.5, 9, 1, dtype=%s)", "linspace(0, 1, 0, dtype=%s)"]:
        case(text % dtype)
for text in ["a + arange(3)", "a * eye(3)[:2]", "max(a, zeros(1)) + full((2, 1), 2)"]:
    case(text, torch.tensor([[0.5, -1, 2], [3, -4, 0]]))
x = seeded("refused", torch.float32, (2, 3))
for text in ["max(a, 2)", "max(a, 'x')", "max(a, 1.5)", "max(a, 0, 1, 2)", "max(a, keepdim=True)", "max(a, dimm=1)", "max()", "unique(a, dim=2)", "unbind(a, 2)",
             "unique(a, dim='x')", "nonzero()"]:
    case(text, x)
