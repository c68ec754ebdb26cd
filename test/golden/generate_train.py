#!/usr/bin/python3
"""Prints the numbers that test/sql/train.sql compares with: initial weights, and losses of some epochs.

PyTorch 2.15 on the CPU.  The data is what the test makes in SQL: features that float32 holds exactly, a value and a
class computed from them in double precision.  Batches are successive torch.randperm(n) of one generator.
"""
import torch
from torch import nn, optim

torch.set_num_threads(1)
N = 250
ROWS = [[((i * (j + 3) + j) % 17) / 16.0 - 0.5 for j in range(4)] for i in range(1, N + 1)]
X = torch.tensor(ROWS, dtype=torch.float32)
VALUES = torch.tensor([[2 * x[0] * x[1] - x[2] + 0.5 * x[3] * x[3]] for x in ROWS], dtype=torch.float32)
CLASSES = torch.tensor([int(x[0] > 0) + int(x[1] * x[2] > 0.05) for x in ROWS])


def model(outputs):
    torch.manual_seed(42)
    return nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, outputs))


def train(outputs, loss, y, make, batch_size=32, drop_last=False, shuffle=True, seed=0, epochs=1):
    net = model(outputs)
    optimizer = make(net.parameters())
    generator = torch.Generator()
    generator.manual_seed(seed)
    losses = []
    for _ in range(epochs):
        order = torch.randperm(N, generator=generator) if shuffle else torch.arange(N)
        total = count = 0
        for at in range(0, N, batch_size):
            index = order[at:at + batch_size]
            if drop_last and len(index) < batch_size:
                break
            optimizer.zero_grad()
            value = loss(net(X[index]), y[index])
            value.backward()
            optimizer.step()
            total += float(value) * len(index)
            count += len(index)
        losses.append(total / count)
    return [float("%.7g" % losses[i]) for i in sorted({0, len(losses) // 2, len(losses) - 1})]


mse, cross = nn.MSELoss(), nn.CrossEntropyLoss()
for name, value in model(1).state_dict().items():
    print(name, [float(v) for v in value.flatten()[:4]], "sum", float(value.double().sum()))
print("SGD", train(1, mse, VALUES, lambda p: optim.SGD(p, lr=0.05), seed=7, epochs=25))
print("momentum", train(3, cross, CLASSES, lambda p: optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=0.001, nesterov=True),
                        drop_last=True, seed=8, epochs=29))
print("Adam", train(3, cross, CLASSES, lambda p: optim.Adam(p, lr=0.01), seed=9, epochs=25))
print("amsgrad", train(1, mse, VALUES, lambda p: optim.Adam(p, lr=0.01, amsgrad=True, weight_decay=0.01),
                       batch_size=250, shuffle=False, epochs=200))
print("batches of 1", train(1, mse, VALUES, optim.Adam, batch_size=1, seed=2**40 + 3))
