#!/usr/bin/python3
"""Writes autocast.txt beside this file with PyTorch, in the form of generate.py: training steps of mixed precision, bfloat16.

What is tested is what torch.autocast does on a GPU; these numbers come from a CPU.  Its kernels of bfloat16 round in
between (products of transposed operands after every addition, GELU after every operation) where CUDA's compute in
float32 and round once.  So autocast is done by hand here: operands are converted as CUDA's lists say, computed
in float32 by PyTorch, and rounded.  Where the CPU's kernels round once, too, the script checks itself: its outputs
must be those of torch.autocast('cpu').

A case is a model, a loss, x and target.  state/NAME: before; out/PATH: what each module gave ("out/" the model);
loss; grad/NAME: of the first step; after/NAME: after three SGD steps of rate 0.1.
"""
import copy

import torch
import torch.nn.functional as F
from torch import nn

from generate import Fixture, seed

seed("autocast")
f = Fixture("autocast.txt")
# computed in float32, result too; in float32, rounded to what came in; the rest is done in what comes in
FLOAT32 = (nn.LayerNorm, nn.GroupNorm, nn.Softmax, nn.LogSoftmax, nn.Softplus)
INNER = (nn.GELU, nn.SiLU, nn.ELU, nn.LeakyReLU, nn.Hardswish, nn.BatchNorm1d, nn.Dropout)
SELF_CHECKED = ("ReLU()", "Tanh()", "Sigmoid()", "ELU()", "LeakyReLU(0.2)", "PReLU()", "Hardswish()")


class Product(torch.autograd.Function):
    """a @ b of bfloat16, and its gradients: exact sums, rounded once."""

    @staticmethod
    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        return (a.float() @ b.float()).bfloat16()

    @staticmethod
    def backward(ctx, g):
        a, b = ctx.saved_tensors
        return (g.float() @ b.float().t()).bfloat16(), (a.float().transpose(-1, -2) @ g.float()).bfloat16()


class Linear(torch.autograd.Function):
    """The same of x @ w.t() + bias, where the bias is added before."""

    @staticmethod
    def forward(ctx, x, w, bias):
        ctx.save_for_backward(x, w)
        y = x.float() @ w.float().t()
        return (y if bias is None else y + bias.float()).bfloat16()

    @staticmethod
    def backward(ctx, g):
        x, w = ctx.saved_tensors
        rows = g.reshape(-1, g.shape[-1]).float()
        return ((g.float() @ w.float()).bfloat16(), (rows.t() @ x.reshape(-1, x.shape[-1]).float()).bfloat16(),
                rows.sum(0).bfloat16() if ctx.needs_input_grad[2] else None)


class Sigmoid(torch.autograd.Function):
    """CUDA's kernel of the gradient rounds after every operation; so does that of tanh."""

    @staticmethod
    def forward(ctx, x):
        y = torch.sigmoid(x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, g):
        y, = ctx.saved_tensors
        return g * (1 - y) * y


class Tanh(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        y = torch.tanh(x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, g):
        y, = ctx.saved_tensors
        return g * (1 - y * y)


cache = {}


def low(p):
    """A weight in bfloat16, one tensor a step as autocast keeps it."""
    if p is not None and p not in cache:
        cache[p] = p.bfloat16()
    return cache.get(p)


def matmul(a, b):
    return Product.apply(a.bfloat16(), b.bfloat16())


def emulate(m):
    forward = m.forward
    if isinstance(m, nn.Linear):
        m.forward = lambda x: Linear.apply(x.bfloat16(), low(m.weight), low(m.bias))
    elif isinstance(m, nn.PReLU):
        m.forward = lambda x: F.prelu(x.bfloat16(), low(m.weight))
    elif isinstance(m, nn.Sigmoid):
        m.forward = Sigmoid.apply
    elif isinstance(m, nn.Tanh):
        m.forward = Tanh.apply
    elif isinstance(m, FLOAT32):
        m.forward = lambda x: forward(x.float())
    elif isinstance(m, INNER):
        m.forward = lambda x: forward(x.float()).to(x.dtype)


class Graph(nn.Module):
    """nn.Graph: its forward is given beside the expression, with CUDA's conversions written out."""

    def __init__(self, forward, **modules):
        super().__init__()
        for name, m in modules.items():
            self.add_module(name, m)
        self.run = forward

    def forward(self, *inputs):
        return self.run(self, *inputs)


def check_self(model, x):
    """The first forward pass is torch.autocast's."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        want = model(x)
    model = copy.deepcopy(model)
    for m in model.modules():
        emulate(m)
    cache.clear()
    have = model(x)
    assert have.dtype == want.dtype and (have == want).float().mean() > 0.98, (model, have, want)


def add(text, loss_text, x, target, model=None, loss_fn=None):
    """What is random in this case alone comes as a function, which draws it."""
    f.case(text)
    model = model() if model else eval(text)
    target = target() if callable(target) else target
    loss_fn = loss_fn or eval(loss_text)
    outputs = {}
    state = copy.deepcopy(model.state_dict())

    def note(name):
        def hook(module, inputs, output):
            outputs["out/" + name] = output
        return hook

    if any("nn." + name in text for name in SELF_CHECKED) and not any(name in text for name in ["Norm(", "Softmax"]):
        check_self(copy.deepcopy(model), x)
    for name, m in model.named_modules():
        emulate(m)
        m.register_forward_hook(note(name))
    f.text("loss", loss_text)
    f.tensor("x", x)
    f.tensor("target", target)
    for name, t in state.items():
        f.tensor("state/" + name, t)
    for step in range(3):
        cache.clear()
        model.zero_grad()
        y = model(x)
        loss = loss_fn(y, target) if isinstance(loss_fn, Graph) else loss_fn(y.float(), target)
        loss.backward()
        if step == 0:
            for name, t in outputs.items():
                f.tensor(name, t)
            f.tensor("value", loss)
            for name, p in model.named_parameters():
                f.tensor("grad/" + name, p.grad)
        with torch.no_grad():
            for p in model.parameters():
                p -= 0.1 * p.grad
    for name, t in model.state_dict().items():
        f.tensor("after/" + name, t)


def pair():
    return {"fc1": nn.Linear(6, 6), "fc2": nn.Linear(6, 6)}


x = torch.randn(12, 6)
value = torch.randn(12, 2)
flags = (torch.rand(12, 2) > 0.5).float()
classes = torch.randint(0, 3, (12,))
mse, ce, bce = "nn.MSELoss()", "nn.CrossEntropyLoss()", "nn.BCEWithLogitsLoss()"
mlp = "nn.Sequential(nn.Linear(6, 16), nn.%s, nn.Linear(16, %d))"
for text in ["ReLU()", "GELU()", "SiLU()", "Tanh()", "Sigmoid()", "ELU()", "LeakyReLU(0.2)", "PReLU()", "PReLU(16)", "Softplus()", "LayerNorm(16)",
             "GroupNorm(4, 16)", "BatchNorm1d(16)", "Softmax(1)", "Dropout(0.0)", "Softsign()", "Hardswish()"]:
    add(mlp % (text, 2), mse, x, value)
deep = "nn.Sequential(nn.Linear(6, 24), nn.BatchNorm1d(24), nn.ReLU(), nn.Linear(24, 12, bias=False), nn.LayerNorm(12), nn.GELU(), nn.Linear(12, 3))"
add(deep, ce, x, classes)
add("nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 3), nn.LogSoftmax(1))", "nn.NLLLoss()", x, classes)
add(mlp % ("SiLU()", 2), bce, x, flags)
add(mlp % ("ReLU()", 2), "nn.L1Loss()", x, value)
add(mlp % ("Tanh()", 2), "nn.SmoothL1Loss()", x, value)
add(mlp % ("ReLU()", 3), "nn.CrossEntropyLoss(label_smoothing=0.1)", x, classes)
add("nn.Sequential(nn.Unflatten(1, (2, 3)), nn.Linear(3, 8), nn.Identity(), nn.Flatten(), nn.ReLU(), nn.Linear(16, 2))", mse, x, value)

add("nn.Graph('x -> fc2(relu(fc1(x))) + x', 'fc1', nn.Linear(6, 6), 'fc2', nn.Linear(6, 6))", mse, x, lambda: torch.randn(12, 6),
    model=lambda: Graph(lambda m, x: m.fc2(F.relu(m.fc1(x))) + x, **pair()))
# a weight that is used twice; products, exponentials, sums and means of what is bfloat16
add("nn.Graph('x -> h = fc2(fc2(relu(fc1(x)))); h * exp(-square(h)) + sum(h, 1, True)', 'fc1', nn.Linear(6, 6), 'fc2', nn.Linear(6, 6))", mse, x,
    lambda: torch.randn(12, 6),
    model=lambda: Graph(lambda m, x: (lambda h: h * torch.exp(-h.float() ** 2) + h.float().sum(1, True))(m.fc2(m.fc2(F.relu(m.fc1(x))))), **pair()))
add("nn.Graph('x -> a = fc1(x); b = fc2(a); softmax(a @ t(b), -1) @ b + mean(a, 1, True)', 'fc1', nn.Linear(6, 6), 'fc2', nn.Linear(6, 6))", mse, x,
    lambda: torch.randn(12, 6),
    model=lambda: Graph(lambda m, x: (lambda a: (lambda b: matmul(matmul(a, b.t()).float().softmax(-1), b) + a.mean(1, True))(m.fc2(a)))(m.fc1(x)), **pair()))
add(mlp % ("ReLU()", 2), "nn.Graph('(o, t) -> mean(abs(o - t) ** 1.5)')", x, value,
    loss_fn=Graph(lambda m, o, t: (torch.abs(o - t).float() ** 1.5).mean()))
add(mlp % ("ReLU()", 2), "nn.Graph('(o, t) -> mean(abs(o) * (t > 0)) - mean(o)')", x, value,
    loss_fn=Graph(lambda m, o, t: (torch.abs(o) * (t > 0)).mean() - o.mean()))
