#!/usr/bin/python3
"""Writes ops/FAMILY.txt with PyTorch: every op at special values, in all dtypes, at odd shapes and arguments, and its gradients.

The form is that of generate.py; the texts of pgtorch are Python, so Python itself runs them.  What PyTorch has not built for a
dtype of half precision is left out.
"""
import itertools
import warnings
from string import ascii_lowercase

import torch
import torch.nn.functional as F

from generate import Fixture, seed

warnings.simplefilter("ignore")
inf, nan = float("inf"), float("nan")
NAMES = {"torch": torch, "F": F, "inf": inf, "nan": nan, "linear": F.linear}
for name in ("add sub mul div floor_divide remainder pow maximum minimum neg abs sign square reciprocal exp expm1 log log1p sqrt rsqrt tanh "
             "sigmoid erf logaddexp relu floor ceil round trunc eq ne lt le gt ge logical_and logical_or logical_not isnan isfinite where "
             "sum mean amax amin argmax argmin max min clamp var std norm softmax log_softmax matmul cat stack flatten transpose t select "
             "narrow squeeze unsqueeze permute reshape arange detach").split():
    NAMES[name] = getattr(torch, name)
NAMES["unflatten"] = lambda x, dim, sizes: x.unflatten(dim, sizes)
NAMES["expand"] = lambda x, size: x.expand(size)
NAMES["to"] = lambda x, dtype: x.to(dtype if isinstance(dtype, torch.dtype) else getattr(torch, dtype))
for name in "float32 float64 float16 bfloat16 int64 int32 int16 int8 uint8 bool".split():
    NAMES.setdefault(name, getattr(torch, name))

f32, f64, f16, bf16 = torch.float32, torch.float64, torch.float16, torch.bfloat16
i64, i32, i8, u8, boolean = torch.int64, torch.int32, torch.int8, torch.uint8, torch.bool
fixture = None  # of the family at hand


def case(text, *inputs, gradient=True, signs=True):
    assert len(inputs) <= len(ascii_lowercase)
    inputs = dict(zip(ascii_lowercase, (x.clone().requires_grad_(gradient and x.is_floating_point()) for x in inputs)))
    try:
        y = eval(text, dict(NAMES, **inputs))
        error = None
    except (RuntimeError, IndexError, TypeError, ValueError) as e:
        error = str(e).split("\n")[0]
        if "not implemented for" in error and ("Half" in error or "BFloat16" in error):
            return
    fixture.case(text)
    for name, x in inputs.items():
        fixture.tensor(name, x)
    if error is not None:
        fixture.text("error", error[:100])
        return
    results = list(y) if isinstance(y, tuple) else [y]
    if not signs:  # PyTorch's own kernels differ in the sign of a zero
        results = [r + 0.0 if r.is_floating_point() else r for r in results]
    if isinstance(y, tuple):
        fixture.text("count", len(results))
    for i, r in enumerate(results):
        fixture.tensor("want/%d" % i if isinstance(y, tuple) else "want", r)
    wrt = {name: x for name, x in inputs.items() if x.requires_grad}
    floats = [r.sum() for r in results if r.is_floating_point() and r.requires_grad]
    if not wrt or not floats:
        return
    try:
        grads = torch.autograd.grad(sum(floats), list(wrt.values()), allow_unused=True)
    except (RuntimeError, NotImplementedError):
        return
    for name, grad in zip(wrt, grads):
        if grad is not None:
            fixture.tensor("grad/" + name, grad + 0.0)


def randn(text, *shapes):
    """Random numbers for a case, of its name and shapes."""
    seed(text, *shapes)
    return [torch.randn(s) for s in shapes]


SPECIAL = [nan, inf, -inf, 0.0, -0.0, 0.5, -0.5, 1.5, 2.5, -2.5, 1.0, -1.0, 1e-4, 80.0, -80.0, 3e4, 0.3, -0.7]
FEW = [nan, inf, -inf, 0.0, -0.0, 2.0, -2.0, 3.5, -0.7]


def special(dtype, values=SPECIAL):
    if dtype.is_floating_point:
        return torch.tensor(values, dtype=dtype)
    if dtype == boolean:
        return torch.tensor([False, True])
    info = torch.iinfo(dtype)
    return torch.tensor(sorted({info.min, info.min + 1, max(info.min, -3), 0, 1, 2, 3, 5, 11, info.max}), dtype=dtype)


def scalar():
    for op in ("neg abs sign square reciprocal exp expm1 log log1p sqrt rsqrt tanh sigmoid erf relu floor ceil round trunc logical_not isnan "
               "isfinite").split():
        for dtype in (f32, f64, f16, bf16, i64, i8, u8, boolean):
            # the gradient of tanh rounds once here, after every operation on CUDA, and so it does in pgtorch
            case(op + "(a)", special(dtype), signs=op != "relu", gradient=(op, dtype) != ("tanh", f16))
    binary = ("add sub mul div floor_divide remainder pow maximum minimum logaddexp eq ne lt le gt ge logical_and logical_or").split()
    for op in binary:
        for dtype in (f32, f64, f16, bf16, i64, i8, u8, boolean):
            x = special(dtype, FEW)
            y = x
            if dtype in (i64, i8, u8) and op in ("floor_divide", "remainder"):
                y = x[x != 0]
            if dtype in (i64, i8) and op == "pow":
                y = x[x >= 0]
            if dtype == i64 and op == "div":
                x = y = x[1:-1]  # the ends are not floats
            if op == "logaddexp" and not dtype.is_floating_point:
                continue  # PyTorch refuses
            case(op + "(a, b)", x[:, None], y, signs=op not in ("maximum", "minimum"))
    for op in "floor_divide remainder".split():
        for dtype in (i64, i8, u8):
            case(op + "(a, b)", special(dtype), torch.tensor([1, 0], dtype=dtype)[:, None])
            case(op + "(a, 0)", special(dtype))
    case("pow(a, -1)", torch.tensor([1, 2]))
    for text in ("a + 1", "a * 2.5", "1 - a", "a / 2", "a // 2", "a // -2.0", "a % 3", "a % -3", "a ** 2", "a ** 3", "a ** 0", "2 ** a",
                 "a == 1", "a > 0.5", "a + True", "-a", "a ** 0.5", "a ** -1.0", "a * True", "a - True", "1 / a"):
        for dtype in (f32, f16, i64, u8, boolean):
            # for ** 0.5 PyTorch takes the root, of -inf NaN and of -0 -0
            case(text, special(dtype, FEW if text != "a ** 0.5" else FEW[:2] + FEW[5:]))
    x = torch.tensor([True, False, True])
    case("where(a, b, c)", x, torch.tensor([1.0, nan, 3.0]), torch.tensor([nan, 5.0, inf]))
    case("where(a, b, c)", x[:, None], torch.tensor([1, 2], dtype=i8), torch.tensor(2.5))
    case("where(a, b, 2.5)", x, torch.tensor([1, 2, 3]))
    case("where(a, b, 0)", x, torch.tensor([1.0, 2, 3], dtype=f64))
    case("where(a > 0, b, c)", torch.tensor([1.0, -1.0]), torch.tensor([1.0]), torch.tensor([[2.0], [3.0]]))


NAN3 = torch.tensor([[1.0, nan, 3.0], [nan, -2.0, nan]])
TIES = torch.tensor([[1.0, 3.0, 3.0], [0.0, -0.0, -1.0]])
CUBE = torch.arange(12.0).reshape(2, 3, 2).sin()
DIMS = ["", ", 0", ", -1", ", 1, True", ", -2", ", 2", ", -3", ", dim=0, keepdim=True"]


def over_dimensions(ops):
    for op in ops.split():
        pre = ", 2" if op == "norm" else ""
        for dims in DIMS + [", [0, 1]", ", [-1, 0]", ", [1, 1]", ", [0, -2]", ", []", ", dim=[1], keepdim=True"]:
            if op.startswith("arg") and "[" in dims:
                continue
            if op in ("var", "std"):
                dims = dims.replace("1, True", "1, keepdim=True")
            if op in ("amax", "amin") and dims == "":
                case(op + "(a)", CUBE)
            for x in (TIES, NAN3, torch.tensor([2.0, inf, -inf]), torch.tensor(3.0), torch.zeros(0), torch.zeros(0, 3), torch.zeros(2, 0), CUBE):
                if dims == ", []" and op in ("var", "std"):
                    continue  # PyTorch's gradient is wrong
                finite = bool(x.isfinite().all())
                case("%s(a%s%s)" % (op, pre, dims), x, signs=False, gradient=op not in ("var", "std") or (finite and x.dim() > 0))
        for dtype in (f64, f16, bf16, i64, i8, u8, boolean):
            case("%s(a%s)" % (op, pre), torch.tensor([[1, 0], [1, 1], [5, 3]]).to(dtype))
            case("%s(a%s, 0)" % (op, pre), torch.tensor([[1, 0], [1, 1], [5, 3]]).to(dtype))


def reduce():
    over_dimensions("sum mean amax amin argmax argmin")
    for op in "sum mean amax".split():
        case(op + "(a)", torch.full((300,), 1000.0, dtype=f16))  # the sum is no float16
    for dtype in "float64 int32 uint8 bool float16".split():
        case("sum(a, dtype=%s)" % dtype, torch.tensor([200, 100, 3]))
        case("sum(a, 0, True, dtype=%s)" % dtype, torch.tensor([[0.7], [0.6]]), gradient=dtype.startswith("float"))
        case("mean(a, dtype=%s)" % dtype, torch.tensor([200, 100, 3]))


def stat():
    over_dimensions("var std norm")
    for text in ("var(a, 0)", "std(a, 0)", "norm(a)", "norm(a, 3)", "norm(a, 1, 0)"):
        for dtype in (f16, bf16):
            # PyTorch's gradient of a cubic norm overflows
            case(text, torch.tensor([[300.0, -1.0], [-400.0, 2.0], [500.0, 2.5]], dtype=dtype), gradient=(text, dtype) != ("norm(a, 3)", f16))
    for op in "max min".split():
        for dims in (", 0", ", -1", ", 1, True", ", dim=0, keepdim=True", ", 2"):
            for x in (TIES, NAN3, torch.tensor([2.0, inf, -inf]), torch.tensor(3.0), torch.zeros(0, 3), torch.zeros(2, 0)):
                for field in ("values", "indices"):
                    case("%s(a%s).%s" % (op, dims, field), x, signs=False)
        for dtype in (f64, f16, i64, i8, u8, boolean):
            x = torch.tensor([[1, 0], [1, 1], [0, 1]]).to(dtype)
            for text in ("%s(a)", "%s(a, 0).values", "%s(a, 1)[1]", "%s(a, 0, True)[0]"):
                case(text % op, x)
        case("%s(a, b)" % op, TIES, torch.tensor([1.0, nan, 3.5]))
        case("%s(a)" % op, NAN3, gradient=False)
        case("%s(a)" % op, torch.zeros(0))
    for p in "0 0.5 1 1.5 2 3 -1 -2.5 inf -inf".split():
        for x in (TIES, torch.zeros(2, 2), torch.tensor([[inf, 1.0], [-inf, 0.0]]), NAN3, torch.zeros(0, 2)):
            gradient = not x.isinf().any() and not ("inf" in p and x.isnan().any())
            case("norm(a, %s)" % p, x, gradient=gradient)
            case("norm(a, %s, 0)" % p, x, gradient=gradient)
    for text in ("norm(a, dtype=float64)", "norm(a, 3, 0, dtype=float64)", "norm(a, inf, 1, True, dtype=float32)", "norm(a, dtype=int64)"):
        case(text, torch.tensor([[300.0, -1.0], [-400.0, 2.0], [500.0, 2.5]], dtype=f16), gradient="3" not in text)
        case(text, torch.tensor([1, 2]))
    for text in ("var(a, correction=0)", "var(a, 0, correction=0.5)", "std(a, 1, correction=5, keepdim=True)", "std(a, [0, 1], correction=-1)",
                 "var(a, 0, correction=None)", "var(a, 0, unbiased=False, correction=0)", "var(a, 0, True, True)",
                 "var(a, False)", "std(a, True)", "std(a, unbiased=False)", "var(a, True, correction=0)", "var(a, True, True)"):
        case(text, CUBE[0], gradient="5" not in text or "0.5" in text)  # of infinite deviations it is 0 there, NaN here
        case(text, torch.tensor([[1.0, 2.0]]), gradient=False)
    for text in ("var(a)", "var(a, 0)", "var(a, 0, False)", "std(a, 0)", "std(a, [0, 1], False)", "std(a, unbiased=False, dim=1)", "std(a, 1)"):
        for x in (torch.ones(3, 2), torch.ones(1, 2), torch.tensor([[1.0, nan], [2.0, 3.0]]), torch.tensor([[inf, 1.0], [2.0, 3.0]]), torch.zeros(0, 2)):
            case(text, x, gradient=bool(x.isfinite().all()) and len(x) > 1)


def softmax():
    for op in "softmax log_softmax".split():
        for dims in (", 0", ", -1", ", dim=1", ", 2", ", -3"):
            for x in (TIES, NAN3, torch.tensor([[-inf, -inf], [-inf, 2.0]]), torch.tensor([[inf, 1.0]]), torch.tensor(2.0), torch.zeros(0, 3), torch.zeros(2, 0),
                      torch.tensor([[1e4, -1e4]]), torch.ones(2, 2, dtype=f64), torch.ones(2, 2, dtype=i64)):
                case(op + "(a%s)" % dims, x)
        case(op + "(a, 0, dtype=float64)", torch.tensor([1, 2]))
        case(op + "(a, dim=0, dtype=float32)", torch.tensor([1.0, 2.5], dtype=f16))


def shape():
    x = torch.arange(6.0).reshape(2, 3)
    cube = torch.arange(24.0).reshape(2, 3, 4)
    for text in ("reshape(a, [3, 2])", "reshape(a, [-1])", "reshape(a, [-1, 0])", "reshape(a, [4])", "reshape(a, [-1, -1])", "reshape(a, [-2, 3])",
                 "reshape(a, [6, 1, -1])", "reshape(a, [])", "expand(a, [4, 2, 3])", "expand(a, [-1, 3])", "expand(a, [-1, -1, 3])", "expand(a, [2, 4])",
                 "expand(a, [3])", "permute(a, [1, 0])", "permute(a, [-1, -2])", "permute(a, [0, 0])", "permute(a, [0, 2])", "permute(a, [0])",
                 "transpose(a, 0, 1)", "transpose(a, -1, 0)", "transpose(a, 0, 2)", "t(a)", "flatten(a)", "flatten(a, 1)", "flatten(a, 1, 0)",
                 "flatten(a, -1)", "flatten(a, 0, 2)", "unflatten(a, 1, [3, 1])", "unflatten(a, -1, [-1, 3])", "unflatten(a, 1, [2, 2])",
                 "unflatten(a, 1, [-1, 2])", "unflatten(a, 2, [1])", "squeeze(a)", "squeeze(a, 0)", "squeeze(a, 2)", "unsqueeze(a, 0)", "unsqueeze(a, -1)",
                 "unsqueeze(a, 2)", "unsqueeze(a, 3)", "unsqueeze(a, -3)", "unsqueeze(a, -4)", "select(a, 0, 1)", "select(a, 1, -1)", "select(a, 1, 3)",
                 "select(a, 1, -4)", "select(a, 2, 0)", "narrow(a, 0, 1, 1)", "narrow(a, 1, -2, 2)", "narrow(a, 1, 2, 2)", "narrow(a, 1, 3, 0)",
                 "narrow(a, 1, 4, 0)", "narrow(a, 1, 0, -1)", "a[0]", "a[-1]", "a[2]", "a[-3]", "a[:, 1]", "a[..., 1]", "a[:, None]", "a[None, 0, None, 1]",
                 "a[0, 1]", "a[0, 1, 0]", "a[1:]", "a[5:]", "a[:-1]", "a[::2]", "a[:, ::2]", "a[:, 1:1]", "a[:, -2:-1]", "a[-100:100]",
                 "a[...]", "a[0][1]", "a[(0, 1)]", "a[::0]", "a[::-1]", "a[1.0]", "a[:, 2:1]", "a[0:1, ..., None]", "cat([a, a], 0)", "cat([a, a], -1)",
                 "cat([a, a], 2)", "cat([a, a[:, :1]], 1)", "cat([a, a[:, :1]], 0)", "stack([a, a], -1)", "stack([a, a], 2)", "stack([a, a], 3)",
                 "stack([a, a], -3)", "stack([a, a[0]])", "detach(a) * a"):
        for y in (x, torch.zeros(2, 0), torch.tensor(5.0), torch.ones(1, 3)):
            case(text, y)
    for text in ("flatten(a, 1)", "flatten(a, 0, 1)", "flatten(a, -2)", "permute(a, [2, 0, 1])", "a[1, :, ::3]", "a[..., 0]", "a[:, 1:, None, -1]", "t(a)"):
        case(text, cube)
    for text in ("squeeze(a, [0, 2])", "squeeze(a, [-1, 1])", "squeeze(a, [])", "squeeze(a, [0, 0])", "squeeze(a, [0, 3])"):
        case(text, x.reshape(1, 6, 1))
    case("cat([a, b], 0)", torch.zeros(0), x)
    case("cat([a, b], 1)", x, torch.zeros(0))
    case("cat([a, b])", torch.zeros(0), torch.zeros(0))
    case("cat([a, b])", torch.zeros(0, 3), x)
    case("cat([a, b])", torch.tensor([1, 2]), torch.tensor([0.5]))
    case("cat([a, b])", torch.tensor([1, 2], dtype=i8), torch.tensor([200], dtype=u8))
    case("cat([a, b])", torch.zeros(0, dtype=f64), torch.tensor([[1.0]]))
    case("cat([a, b])", torch.tensor(1.0), torch.tensor([1.0]))
    case("stack([a, b])", torch.tensor([1, 2]), torch.tensor([0.5, 1]))
    case("stack([a, b])", torch.tensor(1), torch.tensor(2))


def cast():
    for dtype in "float32 float64 float16 bfloat16 int64 int32 int16 int8 uint8 bool".split():
        case("to(a, %s)" % dtype, torch.tensor([0.0, -0.0, 1.5, -1.5, 100.7, -100.7, nan, 0.1, 1e-9]) if dtype in ("float32", "float64", "float16", "bfloat16", "bool")
             else torch.tensor([0.0, 1.5, -1.5, 100.7, 2.999]))
        case("to(a, %s)" % dtype, torch.tensor([0, 1, 200, -1, 40000, 16777217]))
    # ties and halves of the smallest steps
    case("to(a, float16)", torch.tensor([65504.0, 65519.0, 65520.0, 2049.0, 2051.0, 2.0**-24, 2.0**-25, 3 * 2.0**-25, 6.1e-5, 5.97e-8]))
    case("to(a, bfloat16)", torch.tensor([257.0, 259.0, 1.00390625, 1.01171875, 3.4e38, 1e-40, 3.3961776e38]))


def create():
    for text in ("arange(5)", "arange(0)", "arange(1, 4)", "arange(1, 2, 0.3)", "arange(5, 1, -2)", "arange(1, 5, -1)", "arange(3, 3)", "arange(0, 1, 0)",
                 "arange(2.5)", "arange(5, dtype=float32)", "arange(1, 3.5, dtype=int64)", "arange(-3)", "arange(0, 5, 2)", "arange(nan)", "arange(end=3)",
                 "arange(0.5, 3, dtype=int64)", "arange(0, 2, 0.7, dtype=int32)", "arange(5, 1, -1.5, dtype=int64)", "arange(0, 1, 0.0, dtype=int64)",
                 "arange(-0.5, 2.5, dtype=int8)", "arange(0, inf, dtype=int64)"):
        case("%s + a * 0" % text, torch.tensor(0))


def matmul():
    sizes = [(), (3,), (0,), (2, 3), (3, 2), (3, 0), (0, 3), (1, 3), (2, 2, 3), (2, 3, 2), (1, 3, 2), (3, 1, 2, 3), (0, 3, 2)]
    for p, q in itertools.product(sizes, sizes):
        case("a @ b", *randn("a @ b", p, q))
    for p, q in itertools.product(sizes, [(3,), (2, 3), (1, 3), (0, 3), (2, 0), (), (2, 2, 3)]):
        case("linear(a, b)", *randn("linear(a, b)", p, q))
    for b in [(), (1,), (2,), (3,)]:
        case("linear(a, b, c)", *randn("linear(a, b, c)", (2, 3), (2, 3), b))
    for b in [(), (1,), (2,)]:
        case("linear(a, b, c)", *randn("linear(a, b, c)", (2, 3), (3,), b))
    for dtype in (f64, i64, i8, u8):
        case("a @ b", torch.tensor([[1, 2], [3, 100]], dtype=dtype), torch.tensor([[5, 6], [7, 8]], dtype=dtype))
        case("a @ b", torch.tensor([1, 100], dtype=dtype), torch.tensor([5, 6], dtype=dtype))
    case("a @ b", torch.ones(2, 2), torch.ones(2, 2, dtype=f64))
    case("a @ b", torch.ones(2, 2, dtype=i64), torch.ones(2, 2))
    case("a @ b", torch.tensor([[nan, 0.0], [inf, 1.0]]), torch.tensor([[0.0, 1.0], [0.0, 0.0]]))


def clamp():
    for text in ("clamp(a, -1, 1)", "clamp(a, 0.5)", "clamp(a, max=0.5)", "clamp(a, 2, 1)", "clamp(a)", "clamp(a, min=0)", "clamp(a, nan)", "clamp(a, -inf, inf)",
                 "clamp(a, 1.5, 2.5)", "clamp(a, 0, 0.5)", "clamp(a, 300, 400)", "clamp(a, -1)", "clamp(a, max=300)", "clamp(a, max=-1)",
                 "clamp(a, -300, 2)", "clamp(a, -2, 2)", "clamp(a, -2.0, 2.0)", "clamp(a, 2.0, 2.0)", "clamp(a, 3, nan)", "clamp(a, nan, nan)", "clamp(a, 1e6)",
                 "clamp(a, max=-1e39)"):
        for dtype in (f32, f64, f16, i64, i8, u8, boolean):
            # a NaN has gradient 0 in PyTorch, 1 here
            case(text, special(dtype, FEW), gradient=False)
            case(text, special(dtype, FEW[1:]), gradient="nan" not in text)


for family in (scalar, reduce, stat, softmax, shape, cast, create, matmul, clamp):
    fixture = Fixture("ops/%s.txt" % family.__name__)
    family()
