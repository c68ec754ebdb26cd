#!/usr/bin/python3
"""Writes graph.txt with PyTorch, in the form of generate.py: what expressions of nn.Graph compute, their gradients, and three steps of SGD.

The texts of pgtorch are Python, so Python itself runs them, over PyTorch's functions.
"""
import re

import torch
import torch.nn.functional as F
from torch import nn

from generate import Fixture

NAMES = {"torch": torch, "F": F, "nn": nn, "inf": float("inf"), "float32": torch.float32, "int64": torch.int64}
for name in ("relu tanh exp abs sqrt sigmoid softmax log_softmax cat stack flatten transpose t select narrow squeeze unsqueeze "
             "permute reshape clamp var std norm sum mean max min amax argmax where eq square maximum").split():
    NAMES[name] = getattr(torch, name)
NAMES["unflatten"] = lambda x, dim, sizes: x.unflatten(dim, sizes)
NAMES["to"] = lambda x, dtype: x.to(dtype)
NAMES["grad"] = lambda y, x: torch.autograd.grad(y.sum(), x, create_graph=True)[0]


class Graph(nn.Module):
    def __init__(self, text, *named):
        super().__init__()
        params, self.body = text.split("->", 1)
        self.params = re.findall(r"\w+", params)
        for name, module in zip(named[::2], named[1::2]):
            self.add_module(name, module)

    def forward(self, *inputs):
        scope = dict(NAMES)
        scope.update(self.named_children())
        scope.update(zip(self.params, inputs))
        *statements, last = [s.strip() for s in self.body.split(";")]
        for s in statements:
            exec(s, scope)
        return eval(last, scope)


nn.Graph = Graph

# a network, and the shapes of its inputs
NETWORKS = [
    ("nn.Graph('x -> fc2(relu(fc1(x))) + x', 'fc1', nn.Linear(6, 5), 'fc2', nn.Linear(5, 6))", [(7, 6)]),
    ("nn.Graph('x -> fc(tanh(fc(x)))', 'fc', nn.Linear(4, 4))", [(5, 4)]),
    ("nn.Sequential(nn.Linear(3, 4), nn.Graph('x -> f(x) * x', 'f', nn.Sequential(nn.Linear(4, 4), nn.ReLU())), nn.Linear(4, 2))", [(6, 3)]),
    ("nn.Graph('(a, b) -> h = relu(f(cat([a, b], dim=1))); s = stack([h, g(a)], 1); s[:, 0] * s[:, -1, 0][:, None] + h[:, 1:2] ** 2', "
     "'f', nn.Linear(7, 4), 'g', nn.Linear(4, 4))", [(5, 4), (5, 3)]),
    ("nn.Graph('(a, b) -> f(a) @ transpose(f(b), -2, -1)', 'f', nn.Linear(4, 3, bias=False))", [(3, 5, 4), (3, 2, 4)]),
    ("nn.Graph('x -> q = wq(x); k = wk(x); softmax(q @ transpose(k, -2, -1) / 4 ** 0.5, dim=-1) @ wv(x)', "
     "'wq', nn.Linear(4, 4), 'wk', nn.Linear(4, 4, bias=False), 'wv', nn.Linear(4, 4))", [(3, 5, 4)]),
    ("nn.Graph('x -> h = fc(x); m = max(h, 1, keepdim=True); (h - m.values) / (std(h, 1, True, True) + 0.1) * clamp(h, -0.5, 0.5)', "
     "'fc', nn.Linear(4, 6))", [(5, 4)]),
    ("nn.Graph('x -> h = fc(x); norm(h, dim=1, keepdim=True) * min(h, 0)[0] + var(h, 1, False)[:, None] + norm(x, 3)', "
     "'fc', nn.Linear(4, 6))", [(5, 4)]),
    ("nn.Graph('x -> h = unflatten(fc(x), 1, [2, 3]); y = flatten(permute(h, [0, 2, 1]), 1); unsqueeze(select(y, 1, 2), -1) * narrow(y, 1, 1, 4)', "
     "'fc', nn.Linear(4, 6))", [(5, 4)]),
    ("nn.Graph('x -> h = fc(x); where(h > 0, h ** 3, h * 0.1) + torch.floor(x) - x % 0.3 + 2 ** h - 1 / (1 + h ** 2)', "
     "'fc', nn.Linear(4, 4))", [(5, 4)]),
    ("nn.Graph('x -> h = sum(tanh(fc(x)), 1); grad(h, x) * x', 'fc', nn.Linear(4, 3))", [(5, 4)]),
    ("nn.Graph('x -> h = tanh(fc(x)); g = grad(h, x); grad(g ** 2, x)[:, 1:] + h', 'fc', nn.Linear(4, 3))", [(5, 4)]),
    ("nn.Graph('x -> F.log_softmax(torch.sigmoid(outer(x)), dim=1)', 'outer', "
     "nn.Graph('y -> inner(y) + inner(y[:, [0][0]:])', 'inner', nn.Linear(4, 4)))", [(5, 4)]),
    ("nn.Graph('(x, y, z) -> fc(x) * y + z', 'fc', nn.Linear(3, 3), 'unused', nn.Linear(2, 2))", [(4, 3), (4, 1), (3,)]),
]

# expressions of x [3, 4, 5] and y [4, 5]
EXPRESSIONS = """
x[0]; x[-1]; x[:, 1]; x[:, :, -1]; x[1, 2, 3]; x[..., 2]; x[0, ..., 1]; x[None]; x[..., None]; x[:, None, 1]; x[None, 0, None, ..., None, 2]
x[1:]; x[:-1]; x[::2]; x[1:3, 1:4:2, ::4]; x[:, 3:1]; x[5:]; x[-2:]; x[:, -3:-1]; x[:, :, 1::3]; x[-10:10]; x[0:3:7]; x[(1, 2)]; x[1][2][3]
x[:, 0:4, 1:4]; x[2:, ::3]; y[1:][:, 1:] * y[:-1][:, :-1]; x[0, 1:, ::2] @ t(y[:, 0:3])
cat([x, x[:, 1:]], 1); cat([y, y * 2], -1); cat((x, y[None]), 0); stack([y, y + 1]); stack([y, x[0], x[1]], dim=2); stack([y, -y], -1)
squeeze(x[:, :1]); squeeze(x[:1, :1], 0); squeeze(x, 1); unsqueeze(x, -1); unsqueeze(y, 1); flatten(x); flatten(x, 1); flatten(x, 0, 1); flatten(x[0, 0, 0])
unflatten(x, 1, [2, 2]); unflatten(x, -1, [5, 1]); transpose(x, 0, 2); transpose(x, -1, -2); t(y); t(y[0]); select(x, 1, -1); narrow(x, 2, 1, 3)
clamp(x, -0.5, 0.5); clamp(x, min=0.25); clamp(x, max=0); clamp(x, 1, -1); var(x); var(x, 1); var(x, [0, 2], False, True); var(x, dim=-1, unbiased=False); std(x, 0); std(y, 1, True, True)
norm(x); norm(x, 1, 1); norm(x, 2, [0, 1], True); norm(x, inf, 0); norm(x, -inf); norm(x, 0, 1); norm(x, 3, -1); norm(x, 0.5, 2); norm(x * 0)
max(x); min(x); max(x, 0).values; max(x, 1)[0]; min(x, -1, True).values; max(x, x * -1); to(max(x, 2).indices, float32); min(y, 0).values
x // 0.3; x % 0.7; -x ** 2; 2 ** x; 7 // x; x @ t(y); (x > 0) * x; to(x == x, float32); x - x // 1
grad(x ** 3, x); grad(grad(x ** 3, x), x); grad(norm(x, 2, 1), x); grad(clamp(x, -0.5, 0.5), x); grad(max(x, 1).values, x); grad(abs(x * 0), x); grad(norm(x * 0), x)
grad(clamp(x * 0, 0, 1), x); grad(max(x * 0, 0).values, x); grad(max(x * 0), x); grad(std(x, 1), x); grad(cat([x, x ** 2], 0) ** 2, x); grad(stack([y, y * y], 1) ** 2, y)
"""


def main():
    f = Fixture("graph.txt")
    for text, shapes in NETWORKS:
        f.case(text)
        model = eval(text)
        inputs = [torch.randn(s).requires_grad_() for s in shapes]
        for i, x in enumerate(inputs):
            f.tensor("in%d" % i, x)
        for name, p in model.named_parameters():
            f.tensor("start/" + name, p)
        target = torch.randn_like(model(*inputs))
        f.tensor("target", target)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for step in range(3):
            y = model(*inputs)
            optimizer.zero_grad()
            for x in inputs:
                x.grad = None
            nn.MSELoss()(y, target).backward()
            if step == 0:
                f.tensor("output", y)
                for i, x in enumerate(inputs):
                    f.tensor("grad%d" % i, x.grad)
                for name, p in model.named_parameters():
                    if p.grad is not None:
                        f.tensor("grad/" + name, p.grad)
            optimizer.step()
        for name, p in model.named_parameters():
            f.tensor("end/" + name, p)
    # a loss of one's own
    for text in ["nn.Graph('(output, target) -> mean(abs(output - target) ** 1.5)')",
                 "nn.Graph('(o, t) -> e = o - t; sum(where(abs(e) < 1, e ** 2, 2 * abs(e) - 1))')"]:
        f.case(text)
        output, target = torch.randn(6, 3).requires_grad_(), torch.randn(6, 3)
        value = eval(text)(output, target)
        value.backward()
        f.tensor("loss", value)
        f.tensor("output", output)
        f.tensor("loss_target", target)
        f.tensor("grad0", output.grad)
    # forward of many expressions
    f.case("expressions")
    x, y = torch.randn(3, 4, 5).requires_grad_(), torch.randn(4, 5).requires_grad_()
    f.tensor("x", x)
    f.tensor("y", y)
    for text in EXPRESSIONS.replace("\n", ";").split(";"):
        if text.strip():
            f.case("(x, y) -> " + text.strip())
            f.tensor("value", Graph("(x, y) -> " + text.strip())(x, y).float())


main()
