#!/usr/bin/python3
"""Writes the fixtures beside this file with PyTorch (made with 1.13): rng.txt, init.txt, loss.txt, optim.txt.

A fixture is a list of cases.  "case NAME" begins one; every other line is "key: text", or
"key dtype[sizes]: elements".  test/engine/golden.h reads it.  Floats have as many digits as
read back exactly.
"""
import itertools
import os

import torch
from torch import nn, optim

torch.set_num_threads(1)
HERE = os.path.dirname(os.path.abspath(__file__))


class Fixture:
    def __init__(self, name):
        self.file = open(os.path.join(HERE, name), "w")
        self.file.write("# made by generate.py with PyTorch %s\n" % torch.__version__.split("+")[0])

    def case(self, name):
        self.file.write("case %s\n" % name)

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


def rng():
    """Mixed draws from one generator: also what is kept between them must be right."""
    f = Fixture("rng.txt")
    f64, f32, bf16 = torch.float64, torch.float32, torch.bfloat16
    draws = [
        ("uniform", f32, 5, 0, 1), ("uniform", f32, 7, -0.37, 0.41), ("uniform", f64, 5, 0, 1),
        ("uniform", f64, 5, -0.37, 0.41), ("uniform", bf16, 9, -0.5, 2), ("normal", f32, 5, 0, 1),
        ("normal", f64, 6, 1, 2), ("uniform", f32, 1, 0, 1), ("normal", f32, 1, 0, 1), ("randperm", None, 11, 0, 0),
        ("normal", f32, 16, 0, 1), ("normal", f32, 37, 0, 1), ("normal", f64, 21, 1, 2), ("normal", f32, 2, 3, 0.5),
        ("randperm", None, 1, 0, 0), ("randperm", None, 2, 0, 0), ("randperm", None, 700, 0, 0),
        ("uniform", f32, 50, 0, 1), ("normal", f32, 15, 0, 1), ("normal", f32, 48, 0, 1), ("randperm", None, 30, 0, 0),
    ]
    for seed in [0, 1, 42, 123456789, 2**32, 2**40 + 7, 2**63 - 1]:
        torch.manual_seed(seed)
        for i, (kind, dtype, n, a, b) in enumerate(draws):
            f.case("seed %d draw %d" % (seed, i))
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
    ]:
        torch.manual_seed(seed)
        model = eval(text)
        f.case(text)
        f.text("seed", seed)
        for name, value in model.state_dict().items():
            f.tensor("state/" + name, value)


def loss():
    """Value of a loss and its gradient with respect to the output."""
    f = Fixture("loss.txt")
    torch.manual_seed(5)

    def add(text, output, target):
        output = output.clone().requires_grad_()
        module = eval(text.replace("weight=[", "weight=torch.tensor([").replace("],", "]),"))
        value = module(output, target)
        value.sum().backward()
        f.case(text)
        f.tensor("output", output)
        f.tensor("target", target)
        f.tensor("loss", value)
        f.tensor("grad", output.grad)

    logits = 3 * torch.randn(6, 4)
    classes = torch.tensor([0, 3, 2, 2, 1, 0])
    ignored = torch.tensor([0, -100, 2, -100, 1, 0])
    soft = torch.softmax(torch.randn(6, 4), 1)
    weight = "weight=[0.5, 2.0, 1.0, 0.25], "
    for w, e, r in itertools.product(["", weight], [0.0, 0.1, 1.0], ["mean", "sum", "none"]):
        text = "nn.CrossEntropyLoss(%slabel_smoothing=%s, reduction='%s')" % (w, e, r)
        add(text, logits, classes)
        add(text, logits, ignored)
        add(text, logits, soft)
        if r != "none":
            add(text.replace("label", "ignore_index=2, label"), logits, classes)
    add("nn.CrossEntropyLoss()", logits, torch.full((6,), -100))  # nothing is left: NaN
    add("nn.CrossEntropyLoss(reduction='sum')", logits, torch.full((6,), -100))
    add("nn.CrossEntropyLoss()", 1000 * logits, classes)
    add("nn.CrossEntropyLoss()", logits[:, :1], torch.zeros(6, dtype=torch.long))
    add("nn.CrossEntropyLoss()", torch.randn(100, 10), torch.randint(10, (100,)))
    images = torch.randn(2, 3, 4)
    for r in ["mean", "none"]:
        for w in ["", "weight=[1.0, 2.0, 4.0], "]:
            text = "nn.CrossEntropyLoss(%slabel_smoothing=0.2, reduction='%s')" % (w, r)
            add(text, images, torch.tensor([[0, 1, 2, 1], [2, 2, -100, 0]]))
            add(text, images, torch.softmax(torch.randn(2, 3, 4), 1))
    for r in ["mean", "sum", "none"]:
        add("nn.MSELoss(reduction='%s')" % r, torch.randn(5, 3), torch.randn(5, 3))
    add("nn.MSELoss()", torch.randn(7, 1), torch.randn(7, 1))


def optimizers():
    """Losses of full-batch steps, and the parameters and state after the last."""
    f = Fixture("optim.txt")
    steps = 30
    model_text = "nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))"
    torch.manual_seed(11)
    x = torch.randn(16, 4)
    targets = {"nn.CrossEntropyLoss()": torch.randint(3, (16,)), "nn.MSELoss()": torch.randn(16, 3)}
    cases = [
        "optim.SGD(lr=0.1)",
        "optim.SGD(lr=0.05, weight_decay=0.1)",
        "optim.SGD(lr=0.05, momentum=0.9)",
        "optim.SGD(lr=0.05, momentum=0.9, nesterov=True)",
        "optim.SGD(lr=0.05, momentum=0.9, dampening=0.5)",
        "optim.SGD(lr=0.05, momentum=0.8, dampening=0.25, weight_decay=0.01)",
        "optim.SGD(lr=0.01, maximize=True)",
        "optim.SGD(lr=0.01, momentum=0.5, weight_decay=0.1, maximize=True)",
        "optim.Adam()",
        "optim.Adam(lr=0.01)",
        "optim.Adam(lr=0.01, betas=(0.5, 0.9), eps=0.0001)",
        "optim.Adam(lr=0.01, weight_decay=0.1)",
        "optim.Adam(lr=0.01, amsgrad=True)",
        "optim.Adam(lr=0.01, betas=(0.0, 0.5), amsgrad=True, weight_decay=0.01)",
        "optim.Adam(lr=0.003, maximize=True)",
    ]
    for text, (loss_text, y) in itertools.product(cases, targets.items()):
        torch.manual_seed(13)
        model = eval(model_text)
        criterion = eval(loss_text)
        optimizer = eval(text.replace("(", "(model.parameters(), ", 1).replace(", )", ")"))
        losses = []
        for _ in range(steps):
            optimizer.zero_grad()
            value = criterion(model(x), y)
            value.backward()
            optimizer.step()
            losses.append(value.item())
        f.case(text + " " + loss_text)
        f.text("optimizer", text)
        f.text("model", model_text)
        f.text("loss", loss_text)
        f.text("seed", 13)
        f.tensor("x", x)
        f.tensor("y", y)
        f.tensor("losses", torch.tensor(losses))
        for name, p in model.named_parameters():
            f.tensor("state/" + name, p)
            for slot, value in optimizer.state[p].items():
                if torch.is_tensor(value) and value.dim() > 0:
                    f.tensor("%s/%s" % (slot, name), value)


if __name__ == "__main__":
    rng()
    init()
    loss()
    optimizers()
