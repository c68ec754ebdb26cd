#!/usr/bin/python3
"""Writes optim.txt and sched.txt beside this file with PyTorch.

optim.txt: 20 full-batch steps of one network with each optimizer: losses, then parameters and state.
sched.txt: trainings of the same network with each scheduler, and with clipped gradients: the rates that the
scheduler gives, step by step, and mean losses of epochs.  The first cases of both hold the data.  The
form is that of generate.py.
"""
import re
import warnings

import torch
from torch import nn, optim
from torch.optim import lr_scheduler  # noqa: F401 (in evaluated texts)

from generate import Fixture

warnings.simplefilter("ignore")
MODEL = "nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))"
CE, MSE = "nn.CrossEntropyLoss()", "nn.MSELoss()"


def data():
    torch.manual_seed(11)
    return torch.randn(16, 4), {CE: torch.randint(3, (16,)), MSE: torch.randn(16, 3)}


def write_data(f, x, targets):
    for loss, y in targets.items():
        f.case("data " + loss)
        f.tensor("x", x)
        f.tensor("y", y)


def new_model():
    torch.manual_seed(13)
    return eval(MODEL)


def new_optimizer(text, model):
    return eval(text.replace("(", "(model.parameters(), ", 1).replace(", )", ")"), dict(globals(), model=model))


OPTIMIZERS = """
    SGD()
    SGD(lr=0.1)
    SGD(lr=0.05, weight_decay=0.1)
    SGD(lr=0.05, momentum=0.9)
    SGD(lr=0.05, momentum=0.9, nesterov=True)
    SGD(lr=0.05, momentum=0.9, dampening=0.5)
    SGD(lr=0.05, momentum=0.8, dampening=0.25, weight_decay=0.01)
    SGD(lr=0.01, maximize=True)
    SGD(lr=0.01, momentum=0.5, weight_decay=0.1, maximize=True)
    Adam()
    Adam(lr=0.01)
    Adam(lr=0.01, betas=(0.5, 0.9), eps=0.0001)
    Adam(lr=0.01, weight_decay=0.1)
    Adam(lr=0.01, amsgrad=True)
    Adam(lr=0.01, betas=(0.0, 0.5), amsgrad=True, weight_decay=0.01)
    Adam(lr=0.003, maximize=True)
    Adam(lr=0.01, weight_decay=0.1, decoupled_weight_decay=True)
    AdamW()
    AdamW(lr=0.01, betas=(0.8, 0.9), eps=1e-06, weight_decay=0.3)
    AdamW(lr=0.01, weight_decay=0.0, amsgrad=True)
    AdamW(lr=0.003, weight_decay=0.1, maximize=True)
    RMSprop()
    RMSprop(lr=0.005, alpha=0.9, eps=0.001, weight_decay=0.1)
    RMSprop(lr=0.003, momentum=0.9)
    RMSprop(lr=0.002, alpha=0.8, centered=True, eps=0.01)
    RMSprop(lr=0.002, momentum=0.5, centered=True, eps=0.01, maximize=True)
    Adagrad()
    Adagrad(lr=0.05, lr_decay=0.1)
    Adagrad(lr=0.05, initial_accumulator_value=0.5, weight_decay=0.01, eps=0.0001)
    Adagrad(lr=0.01, initial_accumulator_value=0.1, maximize=True)
    Adadelta()
    Adadelta(lr=0.5, rho=0.5, eps=0.001)
    Adadelta(weight_decay=0.1, eps=0.0001, maximize=True)
    Adamax()
    Adamax(lr=0.01, betas=(0.5, 0.9), eps=0.0001)
    Adamax(lr=0.005, weight_decay=0.1, maximize=True)
    NAdam()
    NAdam(lr=0.01, betas=(0.8, 0.9), eps=0.0001, momentum_decay=0.1)
    NAdam(lr=0.005, weight_decay=0.1)
    NAdam(lr=0.005, weight_decay=0.1, decoupled_weight_decay=True)
    NAdam(lr=0.003, betas=(0.4, 0.9), weight_decay=0.1, maximize=True)
    RAdam()
    RAdam(lr=0.01, betas=(0.8, 0.9), eps=0.0001)
    RAdam(lr=0.005, weight_decay=0.1)
    RAdam(lr=0.005, betas=(0.0, 0.5))
    RAdam(lr=0.005, betas=(0.9, 0.9), weight_decay=0.1, decoupled_weight_decay=True)
    RAdam(lr=0.002, betas=(0.9, 0.5), weight_decay=0.1, maximize=True)
    Rprop()
    Rprop(lr=0.02, etas=(0.3, 1.5))
    Rprop(lr=0.005, step_sizes=(0.001, 0.02))
    Rprop(lr=0.001, maximize=True)
    ASGD()
    ASGD(lr=0.05, lambd=0.1, alpha=0.5, t0=5.0)
    ASGD(lr=0.05, weight_decay=0.1, maximize=True, t0=0.0)
"""


def optimizers():
    f = Fixture("optim.txt")
    x, targets = data()
    write_data(f, x, targets)
    for i, text in enumerate("optim." + line.strip() for line in OPTIMIZERS.strip().splitlines()):
        loss_text = CE if i % 2 else MSE
        model = new_model()
        criterion = eval(loss_text)
        optimizer = new_optimizer(text, model)
        losses = []
        for _ in range(20):
            optimizer.zero_grad()
            value = criterion(model(x), targets[loss_text])
            value.backward()
            optimizer.step()
            losses.append(value.item())
        f.case(text + " " + loss_text)
        f.text("optimizer", text)
        f.text("model", MODEL)
        f.text("loss", loss_text)
        f.text("seed", 13)
        f.tensor("losses", torch.tensor(losses))
        for name, p in model.named_parameters():
            f.tensor("state/" + name, p)
            for slot, value in optimizer.state[p].items():
                if torch.is_tensor(value) and value.dim() > 0:
                    f.tensor("%s/%s" % (slot, name), value)
        for slot, value in optimizer.state[p].items():
            if torch.is_tensor(value) and value.dim() == 0 and slot != "step":
                f.tensor("scalar/" + slot, value.double())


SGD, ADAM = "optim.SGD(lr=0.05)", "optim.Adam(lr=0.01)"
MOMENTUM = "optim.SGD(lr=0.05, momentum=0.9)"
# scheduler, optimizer; those that step with each batch are trained in batches of 6, 6 and 4
SCHEDULERS = [
    ("LambdaLR('epoch -> 0.95 ** epoch')", SGD),
    ("LambdaLR('1 / (1 + 0.1 * epoch)')", ADAM),
    ("LambdaLR('epoch -> min(1.0, (epoch + 1) / 5) * 0.9 ** (epoch // 3)')", SGD),
    ("LambdaLR('lambda e: math.cos(e / 10) ** 2')", SGD),
    ("LambdaLR('where(epoch == 0, 1, 1 / epoch)')", SGD),
    ("LambdaLR('1 - (epoch > 5 and 1 / (epoch - 5) or 0)')", SGD),
    ("MultiplicativeLR('epoch -> 0.95')", SGD),
    ("MultiplicativeLR('1 - epoch % 3 * 0.1')", ADAM),
    ("MultiplicativeLR('0.5 ** (epoch > 10)')", SGD),
    ("StepLR(3)", SGD),
    ("StepLR(5, gamma=0.5)", ADAM),
    ("StepLR(1, gamma=0.9)", MOMENTUM),
    ("MultiStepLR([3, 7])", SGD),
    ("MultiStepLR([2, 4, 4, 11], gamma=0.7)", ADAM),
    ("MultiStepLR([15], gamma=2.0)", SGD),
    ("ConstantLR()", SGD),
    ("ConstantLR(factor=0.5, total_iters=7)", ADAM),
    ("ConstantLR(factor=0.1, total_iters=0)", SGD),
    ("LinearLR()", SGD),
    ("LinearLR(start_factor=0.1, end_factor=0.8, total_iters=9)", ADAM),
    ("LinearLR(start_factor=1.0, end_factor=0.0, total_iters=15)", SGD),
    ("ExponentialLR(0.9)", SGD),
    ("ExponentialLR(1.05)", ADAM),
    ("PolynomialLR()", SGD),
    ("PolynomialLR(total_iters=12, power=2.0)", ADAM),
    ("PolynomialLR(total_iters=30, power=0.5)", SGD),
    ("CosineAnnealingLR(10)", SGD),
    ("CosineAnnealingLR(4, eta_min=0.001)", ADAM),
    ("CosineAnnealingLR(1, eta_min=0.01)", SGD),
    ("CosineAnnealingWarmRestarts(5)", SGD),
    ("CosineAnnealingWarmRestarts(3, T_mult=2, eta_min=0.001)", ADAM),
    ("CyclicLR(0.01, 0.1, cycle_momentum=False)", ADAM),
    ("CyclicLR(0.01, 0.1, step_size_up=4)", MOMENTUM),
    ("CyclicLR(0.01, 0.1, step_size_up=3, step_size_down=5, mode='triangular2')", MOMENTUM),
    ("CyclicLR(0.01, 0.1, step_size_up=5, mode='exp_range', gamma=0.9, base_momentum=0.5, max_momentum=0.8)",
     "optim.RMSprop(lr=0.01, eps=0.01)"),
    ("CyclicLR(0.01, 0.05, step_size_up=3, scale_fn='x -> 0.9 ** x', scale_mode='iterations', base_momentum=0.0)",
     "optim.SGD(lr=0.01, nesterov=True, momentum=0.5)"),
    ("CyclicLR(0.001, 0.02, step_size_up=4)", ADAM),
    ("CyclicLR(0.001, 0.02, step_size_up=5, base_momentum=0.3, max_momentum=0.7)", "optim.NAdam()"),
    ("OneCycleLR(0.1)", MOMENTUM),
    ("OneCycleLR(0.05)", ADAM),
    ("OneCycleLR(0.05, total_steps=40, pct_start=0.5, anneal_strategy='linear')", SGD),
    ("OneCycleLR(0.05, three_phase=True, div_factor=10.0, final_div_factor=100.0)", "optim.NAdam()"),
    ("OneCycleLR(0.05, epochs=10, steps_per_epoch=3, cycle_momentum=False)", "optim.Adagrad()"),
    ("OneCycleLR(0.02, base_momentum=0.1, max_momentum=0.7)", "optim.RAdam(betas=(0.5, 0.9))"),
    ("ReduceLROnPlateau(patience=2, threshold=0.05)", SGD),
    ("ReduceLROnPlateau()", ADAM),
    ("ReduceLROnPlateau(factor=0.5, patience=0, threshold=0.03, threshold_mode='abs', cooldown=2, min_lr=0.002)", SGD),
    ("ReduceLROnPlateau(mode='max', factor=0.7, patience=3, eps=0.01)", SGD),
    ("SequentialLR([lr_scheduler.LinearLR(), lr_scheduler.CosineAnnealingLR(6)], [5])", SGD),
    ("SequentialLR([lr_scheduler.ConstantLR(factor=0.1, total_iters=2), lr_scheduler.ExponentialLR(0.9), "
     "lr_scheduler.StepLR(2)], [2, 9])", ADAM),
    ("SequentialLR([lr_scheduler.MultiStepLR([2]), lr_scheduler.LambdaLR('0.9 ** epoch'), "
     "lr_scheduler.CosineAnnealingWarmRestarts(3), lr_scheduler.PolynomialLR(), lr_scheduler.LinearLR()], "
     "[3, 6, 11, 15])", SGD),
    ("SequentialLR([lr_scheduler.MultiplicativeLR('0.9'), lr_scheduler.ConstantLR(), "
     "lr_scheduler.MultiStepLR([1], gamma=0.5), lr_scheduler.MultiplicativeLR('0.8')], [4, 8, 12])", SGD),
    ("SequentialLR([lr_scheduler.ConstantLR(), lr_scheduler.MultiplicativeLR('0.9 - 0.1 * (epoch == 0)'), "
     "lr_scheduler.StepLR(2)], [0, 7])", SGD),
    # momentum: the last one made says between which bounds OneCycleLR goes
    ("SequentialLR([lr_scheduler.OneCycleLR(0.1, total_steps=15), "
     "lr_scheduler.CyclicLR(0.01, 0.1, step_size_up=3, base_momentum=0.7, max_momentum=0.99)], [14])", MOMENTUM),
    ("ChainedScheduler([lr_scheduler.ConstantLR(factor=0.1, total_iters=2), lr_scheduler.ExponentialLR(0.9)])", SGD),
    ("ChainedScheduler([lr_scheduler.LinearLR(), lr_scheduler.StepLR(4, gamma=0.5), lr_scheduler.CosineAnnealingLR(30)])",
     ADAM),
    ("ChainedScheduler([lr_scheduler.SequentialLR([lr_scheduler.LinearLR(), lr_scheduler.StepLR(3)], [4]), "
     "lr_scheduler.ExponentialLR(0.97)])", SGD),
    # state that begins with the first rate, and momentum that comes to 0
    ("LinearLR(start_factor=0.5)", "optim.Rprop()"),
    ("ExponentialLR(0.9)", "optim.ASGD(lr=0.05, lambd=0.1, t0=5.0)"),
    ("StepLR(3, gamma=0.5)", "optim.Adagrad(lr=0.05, lr_decay=0.1)"),
    ("CyclicLR(0.01, 0.05, step_size_up=3, base_momentum=0.0)", SGD),
    ("CyclicLR(0.01, 0.05, step_size_up=3, base_momentum=0.0)", "optim.SGD(lr=0.05, momentum=0.5, dampening=0.2)"),
    ("CyclicLR(0.001, 0.005, step_size_up=3, base_momentum=0.0)", "optim.RMSprop(eps=0.01)"),
    # without one: clipped gradients
    (None, SGD, 0.5, 0), (None, ADAM, 0.05, 0), (None, MOMENTUM, 0, 0.05), (None, SGD, 1.0, 0.1), (None, SGD, 100.0, 0),
    ("OneCycleLR(0.1)", MOMENTUM, 0.3, 0.2),
]


def new_scheduler(text, optimizer, epochs, steps):
    def formula(match):
        body = match.group(1)
        if not body.startswith("lambda"):
            name, body = body.split(" -> ") if " -> " in body else ("epoch", body)
            body = "lambda %s: %s" % (name, body)
        body = body.replace("where(epoch == 0, 1, 1 / epoch)", "1 / epoch if epoch else 1")
        return "(%s)" % body

    text = re.sub(r"(?<=LR\()'([^']*)'", formula, text)
    text = re.sub(r"(?<=scale_fn=)'([^']*)'", formula, text)
    text = re.sub(r"(\w+LR|WarmRestarts|Plateau)\(", r"\1(optimizer, ", text)
    if "OneCycle" in text and "total_steps" not in text and "epochs" not in text:
        text = text[:-1] + ", total_steps=%d)" % (epochs * steps)
    import math
    return eval("lr_scheduler." + text, dict(globals(), optimizer=optimizer, math=math))


def schedulers():
    f = Fixture("sched.txt")
    x, targets = data()
    write_data(f, x, targets)
    for text, optimizer_text, norm, value in [(c + (0, 0))[:4] for c in SCHEDULERS]:
        per_step = text is not None and ("OneCycle" in text or "Cyclic" in text)
        epochs, batch = (8, 6) if per_step else (20, 16)
        model = new_model()
        criterion = eval(MSE)
        y = targets[MSE]
        optimizer = new_optimizer(optimizer_text, model)
        scheduler = new_scheduler(text, optimizer, epochs, 3 if per_step else 1) if text else None
        rates, momentums, lrs, losses = [], [], [], []

        def step(*args):
            group = optimizer.param_groups[0]
            rates.append(group["lr"])
            momentums.append(group["betas"][0] if "betas" in group else group.get("momentum", 0.0))
            if scheduler:
                scheduler.step(*args)

        for _ in range(epochs):
            total = 0.0
            for i in range(0, 16, batch):
                optimizer.zero_grad()
                loss = criterion(model(x[i:i + batch]), y[i:i + batch])
                loss.backward()
                if norm:
                    nn.utils.clip_grad_norm_(model.parameters(), norm)
                if value:
                    nn.utils.clip_grad_value_(model.parameters(), value)
                optimizer.step()
                total += loss.item() * len(x[i:i + batch])
                if per_step:
                    step()
            losses.append(total / 16)
            if not per_step:
                if text is not None and "Plateau" in text:
                    step(losses[-1])
                else:
                    step()
            lrs.append(rates[-1])
        f.case("%s %s %s %s" % (text, optimizer_text, norm, value))
        if text:
            f.text("scheduler", "lr_scheduler." + text)
        f.text("optimizer", optimizer_text)
        f.text("model", MODEL)
        f.text("loss", MSE)
        f.text("seed", 13)
        f.text("numbers", "%d %d %s %s" % (epochs, batch, norm, value))
        f.tensor("rates", torch.tensor(rates, dtype=torch.float64))
        f.tensor("momentums", torch.tensor(momentums, dtype=torch.float64))
        f.tensor("lrs", torch.tensor(lrs, dtype=torch.float64))
        f.tensor("losses", torch.tensor(losses, dtype=torch.float64))


if __name__ == "__main__":
    optimizers()
    schedulers()
