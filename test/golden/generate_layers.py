#!/usr/bin/python3
"""Writes layers/FAMILY.txt with PyTorch: every layer of nn, while training and after.  The form is that of generate.py.

A case is a module's text (options that only say "the same, other input" differ in the number after "#").
x, v: input and what the output is multiplied by; sum(y * v) is the loss.  y, grad/x, grad/NAME: the first
forward pass and its gradients.  state/NAME: before; after/NAME: after three SGD steps of rate 0.1 in
training mode; eval: then forward in evaluation mode.
"""
import itertools

import torch
from torch import nn

from generate import Fixture

f = None  # of the family at hand
count = {}


def add(text, *inputs, evaluation_only=False):
    """An input is a tensor, or the shape of a random one, or a function of it: (shape, function)."""
    count[text] = count.get(text, 0) + 1
    f.case("%s#%d" % (text, count[text]))
    model = eval(text)
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.copy_(0.5 * torch.randn_like(p) + (1 if p.dim() == 1 and "weight" in name else 0))
        for name, p in model.named_buffers():
            if p.is_floating_point():
                p.copy_(torch.rand_like(p) + 0.5)
    model.train(not evaluation_only)
    f.text("training", int(not evaluation_only))
    inputs = [draw(x).requires_grad_() for x in inputs]
    for i, x in enumerate(inputs):
        f.tensor("x%d" % i, x)
    for name, t in model.state_dict().items():
        f.tensor("state/" + name, t)
    for step in range(3):
        model.zero_grad()
        y = model(*inputs)
        if step == 0:
            v = torch.randn_like(y)
            f.tensor("v", v)
        for x in inputs:
            x.grad = None
        (y * v).sum().backward()
        if step == 0:
            f.tensor("y", y)
            for i, x in enumerate(inputs):
                f.tensor("grad/x%d" % i, torch.zeros_like(x) if x.grad is None else x.grad)
            for name, p in model.named_parameters():
                f.tensor("grad/" + name, p.grad)
        with torch.no_grad():
            for p in model.parameters():
                p -= 0.1 * p.grad
    for name, t in model.state_dict().items():
        f.tensor("after/" + name, t)
    model.eval()
    f.tensor("eval", model(*inputs))


def draw(x):
    if torch.is_tensor(x):
        return x.clone()
    return x[1](torch.randn(x[0])) if callable(x[-1]) else torch.randn(x)


# every kink, both zeros, where exp overflows and where functions saturate
POINTS = [0.0, 1e-30, 1e-3, 0.1, 0.125, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.0, 10.0, 19.5, 20.0, 20.5, 50.0, 89.0, 150.0]
KINKS = torch.tensor([POINTS, [-p for p in POINTS]])
ROWS = ((3, 8), lambda x: 3 * x)


def activations():
    for text in [
        "ReLU()", "ReLU(inplace=False)", "ReLU6()", "LeakyReLU()", "LeakyReLU(0.2)", "LeakyReLU(negative_slope=-0.5)", "ELU()", "ELU(0.5)",
        "ELU(alpha=2.0)", "SELU()", "CELU()", "CELU(0.5)", "CELU(alpha=-2.0)", "GELU()", "GELU('tanh')", "GELU(approximate='tanh')", "SiLU()",
        "Mish()", "Sigmoid()", "LogSigmoid()", "Tanh()", "Softplus()", "Softplus(2)", "Softplus(beta=0.5, threshold=3)", "Softsign()",
        "Hardtanh()", "Hardtanh(-2.0, 0.5)", "Hardtanh(min_val=0.25, max_val=3.0)", "Hardtanh(min_value=-3.0, max_value=2.0)", "Hardsigmoid()",
        "Hardswish()", "Hardshrink()", "Hardshrink(0.75)", "Hardshrink(lambd=2.0)", "Softshrink()", "Softshrink(0.25)", "Softshrink(lambd=1.5)",
        "Tanhshrink()", "Threshold(0.5, 20.0)", "Threshold(threshold=-2.0, value=0.1)", "Identity()",
    ]:
        add("nn." + text, KINKS)
        add("nn." + text, ((2, 2, 1, 2), lambda x: 3 * x))
    for text in ["RReLU()", "RReLU(0.1, 0.2)", "RReLU(lower=-0.5, upper=0.5)"]:
        add("nn." + text, KINKS, evaluation_only=True)
        add("nn." + text, ROWS, evaluation_only=True)
    for text in ["RReLU(0.25, 0.25)", "RReLU(lower=0.5, upper=0.5)"]:
        add("nn." + text, ROWS)


def dropout():
    for text in ["Dropout(0.0)", "Dropout(p=0.0, inplace=False)", "AlphaDropout(0.0)", "AlphaDropout(p=0.0)"]:
        add("nn." + text, ROWS)
    for text in ["Dropout()", "Dropout(p=0.75)", "AlphaDropout()", "AlphaDropout(0.25)"]:
        add("nn." + text, ROWS, evaluation_only=True)


def prelu():
    add("nn.PReLU()", KINKS)
    add("nn.PReLU()", (2, 3, 4))
    add("nn.PReLU(init=0.1)", (5,))
    add("nn.PReLU(3)", (4, 3))
    add("nn.PReLU(num_parameters=3, init=-0.5)", (2, 3, 2, 2))
    add("nn.PReLU()", torch.tensor([[float("inf"), -1.0, 0.5]]))  # the slope's gradient stays finite


def glu():
    for shape in [(3, 8), (2, 3, 4), (2, 3, 2, 4)]:
        add("nn.GLU()", shape)
    add("nn.GLU(1)", (2, 6))
    add("nn.GLU(dim=1)", (2, 4, 3))
    add("nn.GLU(dim=-2)", (2, 2, 3))


def softmax():
    for name in ["Softmax", "LogSoftmax", "Softmin"]:
        add("nn.%s()" % name, ROWS)
        add("nn.%s()" % name, (2, 3, 2, 2))
        add("nn.%s(-1)" % name, (2, 3, 4))
        add("nn.%s(1)" % name, (2, 3, 4))
        add("nn.%s(dim=2)" % name, (2, 3, 4))
        add("nn.%s(dim=1)" % name, torch.tensor([[1000.0, 1001.0, -5.0], [0.0, -1000.0, -2000.0]]))


def shape():
    add("nn.Flatten()", (2, 3, 4, 2))
    add("nn.Flatten()", (2, 3))
    add("nn.Flatten(2)", (2, 3, 4, 2))
    add("nn.Flatten(1, 2)", (2, 3, 4, 2))
    add("nn.Flatten(start_dim=-3, end_dim=-2)", (2, 3, 4, 2))
    add("nn.Unflatten(1, (2, 3))", (2, 6))
    add("nn.Unflatten(dim=-1, unflattened_size=(2, -1))", (2, 3, 6))
    add("nn.Unflatten(1, (3, 1, 2))", (2, 6, 2))


def bilinear():
    for bias, shape in itertools.product([True, False], [(4,), (2, 3)]):
        add("nn.Bilinear(3, 2, 4, bias=%s)" % bias, (*shape, 3), (*shape, 2))
    add("nn.Bilinear(3, 2, 4)", (4, 3), (4, 2))
    add("nn.Bilinear(in1_features=1, in2_features=5, out_features=1)", (3, 1), (3, 5))


def linear():
    add("nn.Linear(3, 4)", (5, 3))
    add("nn.Linear(3, 4, bias=False)", (2, 5, 3))
    add("nn.Linear(in_features=1, out_features=2, bias=True)", (2, 1))


def sequential():
    add("nn.Sequential()", (2, 3))
    add("nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))", (5, 3))
    add("nn.Sequential(nn.Flatten(), nn.BatchNorm1d(6), nn.GELU(), nn.Linear(6, 2, bias=False), nn.LogSoftmax(1))", (5, 2, 3))


def norm():
    for options in ["", ", eps=0.1", ", momentum=None", ", momentum=0.5, affine=False", ", track_running_stats=False", ", 0.001, 1.0, False, False",
                    ", bias=False"]:
        add("nn.BatchNorm1d(3%s)" % options, ((6, 3), lambda x: 2 + 3 * x))
        add("nn.BatchNorm1d(3%s)" % options, (4, 3, 5))
    # a mean that is large beside the deviation; numbers whose sums are exact, so that PyTorch's rounding does not count
    add("nn.BatchNorm1d(3)", ((8, 3), lambda x: 1000 + (64 * x).round() / 64))
    add("nn.BatchNorm1d(3)", torch.tensor([[[0.5, -1.0], [2.0, 1.0], [-0.25, 3.0]]]))
    for options in ["", ", eps=0.1", ", elementwise_affine=False", ", 1e-05, True, False"]:
        add("nn.LayerNorm(8%s)" % options, ((3, 8), lambda x: 3 * x))
        add("nn.LayerNorm((2, 4)%s)" % options, (3, 2, 4))
        add("nn.LayerNorm([4]%s)" % options, (3, 2, 4))
    add("nn.LayerNorm((4,))", ((6, 4), lambda x: 30 + (64 * x).round() / 64))
    for options in ["", ", eps=0.1", ", affine=False", ", bias=False"]:
        add("nn.GroupNorm(2, 6%s)" % options, (3, 6))
        add("nn.GroupNorm(3, 6%s)" % options, (2, 6, 4))
        add("nn.GroupNorm(num_groups=1, num_channels=4%s)" % options, (2, 4, 2, 2))


for family in (activations, dropout, prelu, glu, softmax, shape, bilinear, linear, sequential, norm):
    f = Fixture("layers/%s.txt" % family.__name__)
    family()
