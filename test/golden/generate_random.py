#!/usr/bin/python3
"""Writes rng.txt and init.txt with PyTorch: what generators draw, and how modules begin."""
import torch
from torch import nn

from generate import Fixture


def rng():
    """Mixed draws from one generator: also what is kept between them must be right."""
    f = Fixture("rng.txt")
    f64, f32, f16, bf16 = torch.float64, torch.float32, torch.float16, torch.bfloat16
    draws = [
        ("uniform", f32, 5, 0, 1), ("uniform", f32, 7, -0.37, 0.41), ("uniform", f64, 5, 0, 1),
        ("uniform", f64, 5, -0.37, 0.41), ("uniform", bf16, 9, -0.5, 2), ("normal", f32, 5, 0, 1),
        ("normal", f64, 6, 1, 2), ("uniform", f32, 1, 0, 1), ("normal", f32, 1, 0, 1), ("randperm", None, 11, 0, 0),
        ("normal", f32, 16, 0, 1), ("normal", f32, 37, 0, 1), ("normal", f64, 21, 1, 2), ("normal", f32, 2, 3, 0.5),
        ("randperm", None, 1, 0, 0), ("randperm", None, 2, 0, 0), ("randperm", None, 700, 0, 0),
        ("uniform", f32, 50, 0, 1), ("normal", f32, 15, 0, 1), ("normal", f32, 48, 0, 1), ("randperm", None, 30, 0, 0),
        ("normal", bf16, 16, 0, 1), ("normal", bf16, 37, 0.1, 0.3), ("normal", f16, 33, 100.3, 2), ("normal", bf16, 5, 0, 1),
        ("normal", f16, 3, 1, 0.1), ("uniform", f16, 50, 0, 1), ("uniform", bf16, 300, 0.1, 0.7), ("uniform", bf16, 300, 0, 1),
        # what rounds up to the end becomes the beginning
        ("uniform", f32, 9, 1, 1.00000024), ("uniform", f64, 9, 1, 1 + 2**-51), ("uniform", f16, 9, 1, 1.001), ("uniform", f32, 3, 0, 1),
    ]
    for seed in [0, 1, 42, 123456789, 2**32, 2**40 + 7, 2**63 - 1]:
        torch.manual_seed(seed)
        for i, (kind, dtype, n, a, b) in enumerate(draws):
            f.case("seed %d draw %d" % (seed, i), seeded=False)
            f.text("seed", seed)
            f.text("first", int(i == 0))
            f.text("kind", kind)
            f.text("a", a)
            f.text("b", b)
            if kind == "uniform":
                f.tensor("value", torch.empty(n, dtype=dtype).uniform_(a, b))
            elif kind == "normal":
                f.tensor("value", torch.empty(n, dtype=dtype).normal_(a, b))
            else:
                f.tensor("value", torch.randperm(n))


def init():
    """state_dict right after construction."""
    f = Fixture("init.txt")
    for text, seed in [
        ("nn.Linear(3, 5)", 0),
        ("nn.Linear(7, 1, bias=False)", 1),
        ("nn.Linear(1, 1)", 2**40 + 7),
        ("nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))", 42),
        ("nn.Sequential(nn.Sequential(nn.Linear(2, 3), nn.ReLU()), nn.Linear(3, 2), nn.Sequential())", 7),
        ("nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))", 0),
        ("nn.Sequential(nn.Linear(13, 17, bias=False), nn.Linear(17, 11), nn.ReLU(), nn.Linear(11, 1))", 3),
        ("nn.Bilinear(3, 4, 5)", 5),
        ("nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.PReLU(6, init=0.1), nn.Linear(6, 2))", 6),
        ("nn.Sequential(nn.LayerNorm((2, 3)), nn.PReLU(), nn.GroupNorm(2, 2), nn.BatchNorm1d(2, affine=False), nn.Flatten(), nn.Linear(6, 2))", 8),
    ]:
        torch.manual_seed(seed)
        model = eval(text)
        f.case(text)
        f.text("seed", seed)
        for name, value in model.state_dict().items():
            f.tensor("state/" + name, value)


rng()
init()
