#!/usr/bin/python3
"""Writes architectures.csv beside this file with PyTorch: 100 random networks in evaluation mode.

Rows are architecture,part,name,value.  Parts: module (its text), scale (of the tolerance), state (one row for each
name of the state_dict), input and output (names 1 and 2: two rows).

Every module is in some network (checked at the end).  Parameters and buffers are noise, not what an init leaves;
running statistics are positive.  A network is drawn again where PyTorch in float32 and in float64 are further
apart than half of what test/sql/architectures.sql allows (it magnifies rounding, or an input lies on a step), and
where both rows give the same.
"""
import csv
import math
import random
import re
import struct
from types import SimpleNamespace

import torch
from torch import nn as torch_nn

from generate import path_of

COUNT = 100
MAX_NUMBERS = 200
SKIP = {"Graph"}


class Graph(torch_nn.Module):
    """nn.Graph: named modules and a Python expression over them."""

    def __init__(self, text, *named):
        super().__init__()
        self.text = text
        for name, module in zip(named[::2], named[1::2]):
            self.add_module(name, module)

    def forward(self, x):
        names = {f: getattr(torch, f) for f in ("cat", "tanh", "sigmoid", "relu", "exp", "sin", "softmax")}
        names.update(self._modules, x=x)
        *statements, result = self.text.removeprefix("x -> ").split("; ")
        exec("\n".join(statements), names)
        return eval(result, names)


nn = SimpleNamespace(**{n: getattr(torch_nn, n) for n in dir(torch_nn) if n[0].isupper() and n not in SKIP}, Graph=Graph)


def activation(r):
    """The text of something pointwise."""
    a, b = round(r.uniform(0.05, 0.6), 2), round(r.uniform(0.7, 1.9), 2)
    if not deck:
        deck.extend(r.sample(POINTWISE, len(POINTWISE)))
    return deck.pop()(a, b)


deck = []
POINTWISE = [
    lambda a, b: "nn.ReLU()", lambda a, b: "nn.ReLU6()", lambda a, b: "nn.LeakyReLU()", lambda a, b: f"nn.LeakyReLU({a})",
    lambda a, b: "nn.RReLU()", lambda a, b: f"nn.RReLU({a}, {b})", lambda a, b: "nn.ELU()", lambda a, b: f"nn.ELU({b})",
    lambda a, b: "nn.SELU()", lambda a, b: "nn.CELU()", lambda a, b: f"nn.CELU({b})", lambda a, b: "nn.GELU()",
    lambda a, b: "nn.GELU(approximate='tanh')", lambda a, b: "nn.SiLU()", lambda a, b: "nn.Mish()", lambda a, b: "nn.Sigmoid()",
    lambda a, b: "nn.LogSigmoid()", lambda a, b: "nn.Tanh()", lambda a, b: "nn.Softplus()", lambda a, b: f"nn.Softplus({b}, 3)",
    lambda a, b: "nn.Softsign()", lambda a, b: "nn.Hardtanh()", lambda a, b: f"nn.Hardtanh(-{a}, {b})", lambda a, b: "nn.Hardsigmoid()",
    lambda a, b: "nn.Hardswish()", lambda a, b: "nn.Hardshrink()", lambda a, b: f"nn.Hardshrink({a})", lambda a, b: "nn.Softshrink()",
    lambda a, b: f"nn.Softshrink({a})", lambda a, b: "nn.Tanhshrink()", lambda a, b: f"nn.Threshold({a}, -{b})", lambda a, b: "nn.Identity()",
]


def linear(r, n):
    m = r.randint(2, 7)
    return f"nn.Linear({n}, {m}{r.choice(['', '', ', bias=False'])})", m


def flat(r, n):
    """One part over a vector of n: its text and the size of what comes out."""
    kind = r.choice(["linear"] * 3 + ["pointwise"] * 4 + ["batchnorm", "layernorm", "groupnorm", "dropout", "alpha",
                    "prelu", "softmax", "logsoftmax", "softmin", "residual", "bilinear", "gate", "nested"])
    if kind == "linear":
        return linear(r, n)
    if kind == "batchnorm":
        return f"nn.BatchNorm1d({n}{r.choice(['', ', eps=0.001', ', affine=False', ', momentum=None'])})", n
    if kind == "layernorm":
        return f"nn.LayerNorm({n}{r.choice(['', ', eps=0.01', ', elementwise_affine=False'])})", n
    if kind == "groupnorm" and n > 1:
        groups = r.choice([g for g in range(1, n) if n % g == 0])
        return f"nn.GroupNorm({groups}, {n}{r.choice(['', ', eps=0.001', ', affine=False'])})", n
    if kind == "dropout":
        return f"nn.Dropout({r.choice(['', '0.2', '1'])})", n
    if kind == "alpha":
        return f"nn.AlphaDropout({r.choice(['', '0.1'])})", n
    if kind == "prelu":
        return f"nn.PReLU({r.choice(['', str(n)])})", n
    if kind in ("softmax", "logsoftmax", "softmin"):
        name = {"softmax": "Softmax", "logsoftmax": "LogSoftmax", "softmin": "Softmin"}[kind]
        return f"nn.{name}({r.choice(['', '1', '-1'])})", n
    if kind == "residual":
        f, g = f"nn.Linear({n}, 4)", f"nn.Linear(4, {n})"
        return f"nn.Graph('x -> fc2({r.choice(['tanh', 'relu', 'sigmoid'])}(fc1(x))) + x', 'fc1', {f}, 'fc2', {g})", n
    if kind == "bilinear":
        m = r.randint(1, 3)
        bias = r.choice(["", ", bias=False"])
        return (f"nn.Graph('x -> h = a(x); b(h, act(h) * 2)', 'a', nn.Linear({n}, 3), 'act', {activation(r)}, "
                f"'b', nn.Bilinear(3, 3, {m}{bias}))"), m
    if kind == "gate":
        return f"nn.Graph('x -> cat([x[:, 0:1], sigmoid(g(x)) * act(x)], -1)', 'g', nn.Linear({n}, {n}), 'act', {activation(r)})", n + 1
    if kind == "nested":
        return sequence(r, n, r.randint(1, 3))
    return activation(r), n


def grid(r, n):
    """Parts over channels and lengths between Unflatten and Flatten."""
    c, length = r.randint(2, 3), r.randint(2, 4)
    if length % 2 and r.random() < 0.5:
        length = 4
    parts = [f"nn.Linear({n}, {c * length})", f"nn.Unflatten(1, ({c}, {length}))"]
    for _ in range(r.randint(1, 3)):
        kind = r.choice(["batchnorm", "groupnorm", "layernorm", "prelu", "softmax", "glu", "linear", "pointwise"])
        if kind == "batchnorm":
            parts.append(f"nn.BatchNorm1d({c})")
        elif kind == "groupnorm":
            parts.append(f"nn.GroupNorm({r.choice([1, c])}, {c})" if length > 1 else "nn.Identity()")
        elif kind == "layernorm":
            parts.append(f"nn.LayerNorm(({c}, {length}))" if r.random() < 0.5 or length == 1 else f"nn.LayerNorm({length})")
        elif kind == "prelu":
            parts.append(f"nn.PReLU({c})")
        elif kind == "softmax":
            parts.append(r.choice(["nn.Softmax(1)", "nn.LogSoftmax(2)", "nn.Softmin(-2)", "nn.LogSoftmax(1)"]))
        elif kind == "glu" and length % 2 == 0:
            parts.append(r.choice(["nn.GLU()", "nn.GLU(2)"]))
            length //= 2
        elif kind == "linear":
            m = r.randint(1, 4)
            parts.append(f"nn.Linear({length}, {m})")
            length = m
        else:
            parts.append(activation(r))
    parts.append(r.choice(["nn.Flatten()", "nn.Flatten(1, 2)", "nn.Flatten(-2)"]))
    return parts, c * length


def sequence(r, n, count):
    parts = []
    for _ in range(count):
        text, n = flat(r, n)
        parts.append(text)
    return f"nn.Sequential({', '.join(parts)})", n


def draw(r):
    """The text of a network and the shape of its input."""
    shape, parts = [r.randint(2, 6)], []
    n = shape[0]
    if r.random() < 0.25:
        shape.append(r.randint(2, 3))
        n *= shape[1]
        parts.append("nn.Flatten()")
    text, n = linear(r, n)
    parts.append(text)
    for _ in range(r.randint(2, 5)):
        text, n = flat(r, n)
        parts.append(text)
    if r.random() < 0.4:
        more, n = grid(r, n)
        parts += more
    if n % 2 == 0 and r.random() < 0.3:
        parts.append("nn.GLU()")
    return f"nn.Sequential({', '.join(parts)})", shape


def randomize(model, generator):
    with torch.no_grad():
        for p in model.parameters():
            p += 0.5 * torch.randn(p.shape, generator=generator)
        for name, b in model.named_buffers():
            if b.is_floating_point():
                b.copy_((torch.rand(b.shape, generator=generator) + 0.3) * (1.5 if name.endswith("var") else 0.5))
            else:
                b.fill_(7)


def float_text(x):
    """As few digits as name this float32."""
    for digits in range(1, 10):
        text = f"{x:.{digits}g}"
        if struct.pack("f", float(text)) == struct.pack("f", x):
            return text if set(text) & set(".e") else text + ".0"
    raise ValueError(x)


def text_of(t):
    """The tensor as type tensor reads it."""
    def nested(a):
        if isinstance(a, list):
            return "[" + ", ".join(map(nested, a)) + "]"
        return float_text(a) if isinstance(a, float) else str(a)
    return nested(t.tolist())


def rows_of(number, text, shape, generator):
    """The rows of a network, or None when it is of no use."""
    torch.manual_seed(number)
    model = eval(text, {"nn": nn})
    if sum(t.numel() for t in model.state_dict().values()) > MAX_NUMBERS:
        return None
    randomize(model, generator)
    model.eval()
    x = torch.randn(2, *shape, generator=generator)
    with torch.no_grad():
        y = model(x)
        exact = model.double()(x.double())
        model.float()
        scale = x.abs().max().item() * math.sqrt(x[0].numel())
        allowed = 1e-5 * exact.abs() + 1e-6 * scale
        if not torch.isfinite(y).all() or (y[0] - y[1]).abs().max() < 0.01 or ((y - exact).abs() > allowed / 2).any():
            return None
        one_by_one = torch.cat([model(row[None]) for row in x])
        if ((one_by_one - exact).abs() > allowed / 2).any():
            return None
    rows = [(number, "module", "", text), (number, "scale", "", f"{scale:.6g}")]
    rows += [(number, "state", name, text_of(t)) for name, t in model.state_dict().items()]
    for i in range(2):
        rows += [(number, "input", i + 1, text_of(x[i])), (number, "output", i + 1, text_of(y[i]))]
    return rows


def main():
    rows, drawn, refused = [], "", 0
    for number in range(1, COUNT + 1):
        # a seed of its own, so that one that is drawn again changes no other
        r, generator = random.Random(200 + number), torch.Generator().manual_seed(200 + number)
        deck.clear()
        while True:
            text, shape = draw(r)
            some = rows_of(number, text, shape, generator)
            if some:
                break
            refused += 1
        rows += some
        drawn += text
    wanted = {"Linear", "Bilinear", "Flatten", "Unflatten", "BatchNorm1d", "LayerNorm", "GroupNorm", "Dropout", "AlphaDropout",
              "PReLU", "GLU", "Softmax", "LogSoftmax", "Softmin", "Sequential", "Graph"}
    wanted |= {re.match(r"nn\.(\w+)", p(0.1, 0.2))[1] for p in POINTWISE}
    missing = wanted - set(re.findall(r"nn\.(\w+)", drawn))
    assert not missing, missing
    with open(path_of("architectures.csv"), "w", newline="", encoding="ascii") as f:
        csv.writer(f, lineterminator="\n").writerows(rows)
    print(f"{len(rows)} rows; {refused} networks drawn again")


if __name__ == "__main__":
    main()
