#!/usr/bin/python3
"""Writes fit.txt and promote.txt beside this file with PyTorch.

fit.txt: whole trainings.  The data are a closed formula that test_fit.c computes as well; initial
weights are drawn from the seed, rows are shuffled by successive torch.randperm of one generator with the
same seed.  Losses are every step's.  The form is that of generate.py.

promote.txt: torch.result_type of every two of tensors ("1int8"), 0-d tensors ("0int8") and Python numbers.
"""
import os

import torch
from torch import nn, optim

from generate import Fixture



def features(rows, width):
    """The fraction of ((7 i + 3) (13 j + 5) mod 101) / 101, twice, less 1: exact in float32's sense."""
    i = torch.arange(rows).unsqueeze(1)
    j = torch.arange(width).unsqueeze(0)
    return (((7 * i + 3) * (13 * j + 5) + i * i) % 101).to(torch.float32) / 50.5 - 1


def fit():
    f = Fixture("fit.txt")
    mlp = "nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))"
    regression = "nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))"
    deep = "nn.Sequential(%s, nn.Linear(5, 3))" % ", ".join(["nn.Linear(5, 5), nn.ReLU()"] * 6)
    ce, mse = "nn.CrossEntropyLoss()", "nn.MSELoss()"
    trainings = [
        # model, loss, optimizer, seed, rows, epochs, batch, shuffle, drop_last
        (mlp, ce, "optim.Adam(lr=0.001)", 0, 330, 18, 32, True, False),
        (mlp, ce, "optim.Adam(lr=0.003, weight_decay=0.01)", 1, 330, 20, 32, True, True),
        (mlp, ce, "optim.Adam(lr=0.003, betas=(0.8, 0.99), amsgrad=True)", 2, 330, 18, 32, True, False),
        (mlp, ce, "optim.SGD(0.05, momentum=0.9)", 3, 330, 18, 32, True, False),
        (mlp, "nn.CrossEntropyLoss(label_smoothing=0.1, reduction='sum')",
         "optim.SGD(0.001, momentum=0.9, nesterov=True, weight_decay=0.001)", 4, 330, 18, 32, True, False),
        (regression, mse, "optim.Adam()", 5, 200, 28, 32, True, False),
        (regression, mse, "optim.SGD(0.01, momentum=0.8, dampening=0.3)", 6, 200, 2, 32, False, False),
        (regression, mse, "optim.SGD(0.01)", 7, 20, 5, 32, True, False),
        (regression, mse, "optim.Adam(lr=0.01)", 8, 1, 5, 1, True, False),
        (deep, ce, "optim.SGD(0.1, weight_decay=0.0001)", 9, 100, 50, 32, True, False),
        (deep, ce, "optim.Adam(lr=0.002)", 10, 64, 100, 32, True, False),
        # one batch an epoch: each step's loss is seen
        (mlp, ce, "optim.Adam(lr=0.001)", 11, 32, 200, 32, True, False),
        (regression, mse, "optim.SGD(0.01, momentum=0.9)", 12, 24, 200, 32, False, False),
        ("nn.Linear(3, 1)", mse, "optim.SGD(0.05, maximize=False)", 2**40 + 7, 50, 20, 7, True, True),
    ]
    for model_text, loss_text, optimizer_text, seed, rows, epochs, batch, shuffle, drop_last in trainings:
        torch.manual_seed(seed)
        model = eval(model_text)
        loss_fn = eval(loss_text)
        optimizer = eval(optimizer_text.replace("(", "(model.parameters(), ", 1))
        linear = [m for m in model.modules() if isinstance(m, nn.Linear)]
        x = features(rows, linear[0].in_features)
        classes = linear[-1].out_features
        if "CrossEntropy" in loss_text:
            y = (torch.arange(rows) * 5 + torch.arange(rows) ** 2) % classes
        else:
            y = x.sum(1, keepdim=True) / 4 - 0.3
        generator = torch.Generator()
        generator.manual_seed(seed)
        losses = []
        for _ in range(epochs):
            order = torch.randperm(rows, generator=generator) if shuffle else torch.arange(rows)
            for start in range(0, rows, batch):
                index = order[start:start + batch]
                if drop_last and len(index) < batch:
                    continue
                optimizer.zero_grad()
                loss = loss_fn(model(x[index]), y[index])
                loss.backward()
                optimizer.step()
                losses.append(loss.item())
        f.case("%s %s seed %d" % (optimizer_text, loss_text, seed))
        f.text("model", model_text)
        f.text("loss", loss_text)
        f.text("optimizer", optimizer_text)
        f.text("numbers", "%d %d %d %d %d %d" % (seed, rows, epochs, batch, shuffle, drop_last))
        f.tensor("losses", torch.tensor(losses))
        for name, p in model.state_dict().items():
            # the last elements: enough to see that the weights went the same way
            f.tensor("final/" + name, p.flatten()[-16:])


def promote():
    f = Fixture("promote.txt")
    dtypes = ["float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool"]
    values = [("bool", True), ("int", 1), ("float", 1.0)]
    values += [("0" + d, torch.zeros((), dtype=getattr(torch, d))) for d in dtypes]
    values += [("1" + d, torch.zeros(2, dtype=getattr(torch, d))) for d in dtypes]
    for name, a in values:
        f.case(name)
        for other, b in values:
            if torch.is_tensor(a) or torch.is_tensor(b):
                f.text(other, str(torch.result_type(a, b)).replace("torch.", ""))


if __name__ == "__main__":
    fit()
    promote()
