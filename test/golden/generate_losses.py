#!/usr/bin/python3
"""Writes losses/FAMILY.txt with PyTorch: value of each loss and its gradient.

The form is that of generate.py.  Where PyTorch's loss takes several tensors, "output" holds them as
pgtorch wants them: parts along dimension 1, or (GaussianNLLLoss) means and variances one after
another.  "train" cases: losses of three SGD steps of a small network with the loss.
"""
import itertools

import torch
from torch import nn

from generate import Fixture, seed

f = None  # of the family at hand
LISTS = ("pos_weight", "weight")

# loss -> how its tensors lie in one output
SPLIT = {
    "CosineEmbeddingLoss": lambda x: (x[:, 0], x[:, 1]),
    "MarginRankingLoss": lambda x: (x[:, 0], x[:, 1]),
    "TripletMarginLoss": lambda x: (x[:, 0], x[:, 1], x[:, 2]),
    "GaussianNLLLoss": lambda x: (x[:, : x.shape[1] // 2],),
}


def make(text):
    """The module; lists become tensors."""
    name, arguments = text[3:].split("(", 1)
    given = eval("dict(%s" % arguments)
    return name, getattr(nn, name)(**{k: torch.tensor(v) if k in LISTS else v for k, v in given.items()})


def value_of(text, output, target):
    name, module = make(text)
    parts = SPLIT.get(name, lambda x: (x,))(output)
    if name == "TripletMarginLoss":
        return module(*parts)
    if name == "GaussianNLLLoss":
        return module(parts[0], target, output[:, output.shape[1] // 2 :])
    if name in ("CosineEmbeddingLoss", "MarginRankingLoss"):
        target = target.reshape(parts[0].shape if name == "MarginRankingLoss" else parts[0].shape[:1])
    return module(*parts, target)


def add(text, output, target):
    """What is random in this case alone comes as a function, which draws it."""
    f.case(text)
    output, target = (x() if callable(x) else x for x in (output, target))
    output = output.clone().requires_grad_()
    value = value_of(text, output, target)
    value.sum().backward()
    f.tensor("output", output)
    f.tensor("target", target)
    f.tensor("loss", value)
    f.tensor("grad", output.grad)


def cross_entropy():
    logits, images = 3 * torch.randn(6, 4), torch.randn(2, 3, 4)
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
    add("nn.CrossEntropyLoss()", lambda: torch.randn(33, 10), lambda: torch.randint(10, (33,)))
    image_classes = torch.tensor([[0, 1, 2, 1], [2, 2, -100, 0]])
    for r, w in itertools.product(["mean", "none"], ["", "weight=[1.0, 2.0, 4.0], "]):
        text = "nn.CrossEntropyLoss(%slabel_smoothing=0.2, reduction='%s')" % (w, r)
        add(text, images, image_classes)
        add(text, images, lambda: torch.softmax(torch.randn(2, 3, 4), 1))

    logs = torch.log_softmax(logits, 1)
    for r, w in itertools.product(["mean", "sum", "none"], ["", weight]):
        text = "nn.NLLLoss(%sreduction='%s')" % (w, r)
        add(text, logs, classes)
        add(text, logs, ignored)
        add(text.replace("reduction", "ignore_index=2, reduction"), logits, classes)
        text = text.replace(", 0.25", "")
        add(text, torch.log_softmax(images, 1), image_classes)
        add(text, lambda: torch.randn(2, 3, 2, 2), image_classes.reshape(2, 2, 2))
    add("nn.NLLLoss()", logs, torch.full((6,), -100))
    far = logs.clone()
    far[0, 1:] = -float("inf")
    add("nn.NLLLoss()", far, classes)


def elementwise():
    reductions = ["mean", "sum", "none"]
    x, y = torch.randn(5, 3), torch.randn(5, 3)
    near = torch.stack([y[0], y[1] + 1, y[2] - 1, y[3] + 0.5, y[4] - 2])  # on the kinks, exactly where floats allow
    near[1:, 0] = torch.tensor([1.0, -1.0, 0.5, -2.0])
    kinks = y.clone()
    kinks[:, 0] = 0
    for text in ["nn.MSELoss(", "nn.L1Loss(", "nn.SmoothL1Loss(", "nn.SmoothL1Loss(beta=0.5, ",
                 "nn.SmoothL1Loss(beta=0.0, ", "nn.HuberLoss(", "nn.HuberLoss(delta=0.5, ", "nn.HuberLoss(delta=2.0, "]:
        for r in reductions:
            add("%sreduction='%s')" % (text, r), x, y)
            add("%sreduction='%s')" % (text, r), near, kinks)
        add((text + ")").replace(", )", ")"), lambda: torch.randn(2, 3, 2), lambda: torch.randn(2, 3, 2))
        add((text + ")").replace(", )", ")"), lambda: torch.randn(7, 1), lambda: torch.randn(7, 1))

    p, q = torch.log_softmax(x, 1), torch.softmax(y, 1)
    q0 = q.clone()
    q0[0, 1] = 0
    for r in reductions + ["batchmean"]:
        add("nn.KLDivLoss(reduction='%s')" % r, p, q0)
        add("nn.KLDivLoss(reduction='%s', log_target=True)" % r, p, q.log())

    counts = torch.tensor([[0.0, 1, 2], [3, 0, 1], [7, 20, 0], [1, 1, 5], [2.5, 0.5, 0]])
    for r, log, full in itertools.product(reductions, [True, False], [True, False]):
        text = "nn.PoissonNLLLoss(log_input=%s, full=%s, reduction='%s')" % (log, full, r)
        add(text, x if log else x.exp(), counts)
    add("nn.PoissonNLLLoss(log_input=False, eps=0.1)", torch.tensor([[0.0, 1], [2, 3]]), torch.tensor([[0.0, 1], [0, 9]]))

    means = torch.cat([x, torch.rand(5, 3) + 0.1], 1)
    means[0, 3] = 0  # below eps
    means[1, 4] = 1e-7
    means[2, 5] = 0.05
    for r, full, eps in itertools.product(reductions, [True, False], [1e-6, 0.1]):
        add("nn.GaussianNLLLoss(full=%s, eps=%s, reduction='%s')" % (full, eps, r), means, y)
    add("nn.GaussianNLLLoss(eps=0.0)", means[2:], y[2:])
    add("nn.HuberLoss(delta=1e39, reduction='none')", near, kinks)
    add("nn.GaussianNLLLoss()", lambda: torch.rand(2, 2, 3) + 0.5, lambda: torch.randn(2, 1, 3))

    signs = torch.tensor([[1.0, -1, 1], [-1, -1, 1], [1, 1, -1], [-1, 1, -1], [1, -1, -1]])
    at = x.clone()
    at[0] = torch.tensor([0.0, 1.0, 1.0])
    at[1] = torch.tensor([1.0, 0.3, 0.3])
    big = x.clone()
    big[0], big[1] = 80, -80
    for r in reductions:
        add("nn.SoftMarginLoss(reduction='%s')" % r, at, signs)
        add("nn.SoftMarginLoss(reduction='%s')" % r, big, signs)
        add("nn.HingeEmbeddingLoss(reduction='%s')" % r, at, signs)
        add("nn.HingeEmbeddingLoss(margin=0.3, reduction='%s')" % r, at, signs)
        add("nn.HingeEmbeddingLoss(reduction='%s')" % r, at, signs.clamp(min=0))  # 0 is neither


def binary():
    x, y = 3 * torch.randn(5, 3), torch.tensor([[1.0, 0, 0.3], [0, 1, 1], [1, 1, 0], [0, 0.5, 1], [1, 0, 0]])
    p = torch.sigmoid(x)
    x[0] = 0
    x[1], x[2] = 100, -100
    p[1], p[2] = 1, 0
    p[3, 0], p[3, 1] = 1e-13, 1e-30
    weight = "weight=[0.5, 2.0, 3.0], "
    for r, w in itertools.product(["mean", "sum", "none"], ["", weight]):
        add("nn.BCELoss(%sreduction='%s')" % (w, r), p, y)
        add("nn.BCEWithLogitsLoss(%sreduction='%s')" % (w, r), x, y)
        add("nn.BCEWithLogitsLoss(%sreduction='%s', pos_weight=[0.25, 1.0, 4.0])" % (w, r), x, y)
        add("nn.MultiLabelSoftMarginLoss(%sreduction='%s')" % (w, r), x, y.round())
    add("nn.BCELoss()", lambda: torch.rand(4, 1), torch.tensor([[0.0], [1], [1], [0]]))
    add("nn.BCEWithLogitsLoss(pos_weight=[3.0])", lambda: torch.randn(4, 1), torch.tensor([[0.0], [1], [1], [0]]))
    add("nn.BCEWithLogitsLoss()", lambda: torch.randn(2, 2, 2), lambda: torch.rand(2, 2, 2))
    add("nn.MultiLabelSoftMarginLoss()", lambda: torch.randn(2, 2, 3), lambda: torch.rand(2, 2, 3).round())


def margins():
    x = torch.randn(6, 4)
    x[0] = torch.tensor([1.0, 0, 2, 1])  # exactly at the margin
    classes = torch.tensor([0, 3, 2, 2, 1, 0])
    lists = torch.tensor([[3, 0, -1, 1], [-1, 0, 1, 2], [0, 1, 2, 3], [2, 2, -1, -1], [1, -1, 3, -1], [0, 3, 1, -1]])
    weight = ", weight=[0.5, 2.0, 1.0, 0.25]"
    for r in ["mean", "sum", "none"]:
        for p, w, m in itertools.product([1, 2], ["", weight], [1.0, 0.3]):
            add("nn.MultiMarginLoss(p=%d, margin=%s%s, reduction='%s')" % (p, m, w, r), x, classes)
        add("nn.MultiLabelMarginLoss(reduction='%s')" % r, x, lists)
    add("nn.MultiMarginLoss()", x[:, :1], torch.zeros(6, dtype=torch.long))
    add("nn.MultiLabelMarginLoss()", x[:, :1], torch.tensor([[0], [-1], [0], [-1], [0], [0]]))


def pairs():
    two, three = torch.randn(6, 2, 4), torch.randn(6, 3, 4)
    signs = torch.tensor([1.0, -1, 1, -1, -1, 1]).reshape(6, 1)
    two[3, 1] = two[3, 0]
    two[4, 1] = 0
    three[1, 1] = three[1, 0]
    scores = torch.randn(6, 2)
    scores[0, 1] = scores[0, 0]
    scores[1] = torch.tensor([0.5, 0.0])
    for r in ["mean", "sum", "none"]:
        for m in [0.0, 0.5]:
            add("nn.CosineEmbeddingLoss(margin=%s, reduction='%s')" % (m, r), two, signs)
            add("nn.MarginRankingLoss(margin=%s, reduction='%s')" % (m, r), scores, signs)
        add("nn.MarginRankingLoss(reduction='%s')" % r, scores.reshape(6, 2, 1), signs)
        for p, swap in itertools.product(["2.0", "1.0", "3.0", "0.5", "float('inf')"], [True, False]):
            if r == "sum" and swap:
                continue
            add("nn.TripletMarginLoss(p=%s, swap=%s, reduction='%s')" % (p, swap, r), three, signs)
    add("nn.CosineEmbeddingLoss()", two, signs.reshape(6))
    add("nn.MarginRankingLoss()", scores, signs.reshape(6))
    add("nn.TripletMarginLoss(margin=0.2, eps=0.0)", three, signs)
    add("nn.TripletMarginLoss(margin=3.0, eps=0.01)", lambda: torch.randn(3, 3, 2, 2), torch.zeros(3, 1))


def steps():
    """Losses of three SGD steps."""
    classes, indices = torch.randint(3, (8,)), torch.tensor([[0, -1, 1], [1, 2, -1]] * 4)
    reals, unit, signs = torch.randn(8, 3), torch.rand(8, 3), torch.randn(8, 3).sign()
    one, plain, pair, triple = torch.randn(8, 1).sign(), torch.randn(8, 4), torch.randn(8, 2, 4), torch.randn(8, 3, 4)
    for text, x, y in [
        ("nn.CrossEntropyLoss()", plain, classes), ("nn.CrossEntropyLoss(label_smoothing=0.1)", plain, classes),
        ("nn.MSELoss()", plain, reals), ("nn.MSELoss(reduction='sum')", plain, reals),
        ("nn.L1Loss()", plain, reals), ("nn.L1Loss(reduction='sum')", plain, reals),
        ("nn.SmoothL1Loss()", plain, reals), ("nn.SmoothL1Loss(beta=0.3)", plain, reals),
        ("nn.HuberLoss()", plain, reals), ("nn.HuberLoss(delta=0.3)", plain, reals),
        ("nn.NLLLoss()", plain, classes), ("nn.NLLLoss(weight=[1.0, 2.0, 3.0])", plain, classes),
        ("nn.BCEWithLogitsLoss()", plain, unit), ("nn.BCEWithLogitsLoss(pos_weight=[1.0, 2.0, 3.0])", plain, unit),
        ("nn.KLDivLoss()", plain, unit), ("nn.KLDivLoss(reduction='batchmean')", plain, unit),
        ("nn.PoissonNLLLoss()", plain, unit), ("nn.PoissonNLLLoss(full=True)", plain, 9 * unit),
        ("nn.HingeEmbeddingLoss()", plain, signs), ("nn.HingeEmbeddingLoss(margin=0.2)", plain, signs),
        ("nn.SoftMarginLoss()", plain, signs), ("nn.SoftMarginLoss(reduction='sum')", plain, signs),
        ("nn.MultiMarginLoss()", plain, classes), ("nn.MultiMarginLoss(p=2)", plain, classes),
        ("nn.MultiLabelMarginLoss()", plain, indices), ("nn.MultiLabelMarginLoss(reduction='sum')", plain, indices),
        ("nn.MultiLabelSoftMarginLoss()", plain, unit), ("nn.MultiLabelSoftMarginLoss(weight=[1.0, 2.0, 3.0])", plain, unit),
        ("nn.CosineEmbeddingLoss()", pair, one), ("nn.CosineEmbeddingLoss(margin=0.2)", pair, one),
        ("nn.TripletMarginLoss()", triple, one), ("nn.TripletMarginLoss(swap=True, p=1.0)", triple, one),
        ("nn.MarginRankingLoss()", pair, reals[:, :3]), ("nn.MarginRankingLoss(margin=0.5)", pair, signs),
        ("nn.GaussianNLLLoss()", plain, reals[:, :1]), ("nn.GaussianNLLLoss(full=True)", plain, reals[:, :1]),
        ("nn.BCELoss()", plain, unit), ("nn.BCELoss(weight=[1.0, 2.0, 3.0])", plain, unit),
    ]:
        f.case("train " + text)
        w = torch.randn(4, 3 if y.shape[-1] != 1 or x.dim() == 3 else 2)
        # outputs that the loss takes: log-probabilities, probabilities, variances
        if text.startswith(("nn.NLLLoss", "nn.KLDivLoss")):
            model = "log_softmax(matmul(x, w), 1)"
        elif text.startswith("nn.BCELoss"):
            model = "sigmoid(matmul(x, w))"
        elif text.startswith("nn.Gaussian"):
            model = "sigmoid(matmul(x, w)) + 0.5"
        else:
            model = "matmul(x, w)"
        f.text("loss", text)
        f.text("model", model)
        f.tensor("x", x)
        f.tensor("w", w)
        f.tensor("y", y)
        losses = []
        for _ in range(3):
            w = w.detach().requires_grad_()
            value = value_of(text, eval(model, vars(torch), {"x": x, "w": w}), y)
            value.backward()
            w = w - 0.05 * w.grad
            losses.append(value.item())
        assert torch.tensor(losses).isfinite().all(), text
        f.tensor("losses", torch.tensor(losses))
        f.tensor("after", w)


for family in (cross_entropy, elementwise, binary, margins, pairs, steps):
    f = Fixture("losses/%s.txt" % family.__name__)
    seed(family.__name__)  # of what its cases share
    family()
