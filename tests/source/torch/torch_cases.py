"""Functions that PyTorch runs and the interpreter runs, on the same tensors: test_torch_ops.py compares the results.

``x`` is ``[3, 4, 6]`` of floats with no two equal, ``i`` is ``[3, 4, 2]`` of positions below 4, ``m`` is
``[3, 4, 6]`` of bools.
"""

# ruff: noqa: N812
import math

import einops
import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange, reduce, repeat
from torch import nn


def arithmetic(x, i, m):
    return (x - 2) / 3 + x**2 - 1.5 * x + (7 - x) % 2 + x // 0.5 + 2 ** x.clamp(max=3)


def integers(x, i, m):
    return i // 2 + i % 3 - torch.div(i, 3, rounding_mode="floor") + (i > 1).int() * 5 + (-i).abs()


def true_division_of_integers(x, i, m):
    return i / 4 + torch.arange(2) / 3


def logic(x, i, m):
    return (m & (x > 0)) | ~m ^ (x < -0.5), m.sum(-1), m.any(dim=1), m.all(-1, keepdim=True)


def activations(x, i, m):
    y = F.gelu(x) + F.gelu(x, approximate="tanh") + F.silu(x) + F.relu(x) + F.softplus(30 * x) + F.mish(x)
    return y + F.leaky_relu(x) + F.elu(x) + F.logsigmoid(x) + F.relu6(4 * x) + F.hardswish(x) + torch.sigmoid(x)


def layer_activations(x, i, m):
    return nn.SiLU()(x) + nn.GELU()(x) + nn.GELU(approximate="tanh")(x) + nn.ReLU()(x) + nn.Tanh()(x)


def functions(x, i, m):
    y = x.abs() + 0.1
    return (
        y.log() + y.log1p() + y.sqrt() + y.rsqrt() + x.exp() + x.expm1() + x.cos() + x.sin() + torch.erf(x) + y.log2()
    )


def reductions(x, i, m):
    return x.sum(-1), x.mean((0, 2), keepdim=True), x.var(-1), x.std(dim=1, unbiased=False), x.prod(0), x.norm(dim=-1)


def extremes(x, i, m):
    values, indices = x.max(dim=1)
    return values, indices, x.min(-1, keepdim=True).values, x.amax((1, 2)), x.max(), torch.maximum(x, -x), x.argmax(-1)


def softmaxes(x, i, m):
    return F.softmax(x, dim=1), torch.log_softmax(x, -1), x.logsumexp(dim=-1), x.softmax(dim=0, dtype=torch.float32)


def orders(x, i, m):
    ordered, places = torch.sort(x, dim=1, descending=True)
    top = torch.topk(x, 3, dim=-1)
    low = x.topk(2, dim=1, largest=False)
    return ordered, places, top.values, top[1], low[0], x.argsort(dim=-1), i.sort(dim=1, stable=True)[1]


def each_once(x, i, m):
    return torch.unique(i), i.unique(sorted=True)


def stable_order_of_equals(x, i, m):
    return torch.sort(i, dim=1, descending=True, stable=True)


def cumulated(x, i, m):
    return x.cumsum(-1), x.cumprod(dim=1), torch.diff(x, dim=-1)


def norms(x, i, m):
    weight, bias = x[0, 0], x[1, 1]
    return F.layer_norm(x, (6,), weight, bias, 1e-5), F.rms_norm(x, (6,), weight, 1e-6), F.normalize(x, dim=-1)


def views(x, i, m):
    y = x.view(3, 2, 2, 6).transpose(1, -1).reshape(3, -1).unflatten(1, (6, 4))
    return y, x.permute(2, 0, 1), x.flatten(1), x.unsqueeze(-2).squeeze(2), x.mT, x.movedim(0, 2)


def parts(x, i, m):
    a, b = x.chunk(2, dim=-1)
    c, d, e = x.split([1, 2, 3], dim=-1)
    return (
        a * b,
        c + d.sum() + e.mean(),
        x.unbind(1)[2],
        x.narrow(1, 1, 2),
        x[..., 1::2],
        x[:, [0, 2]],
        x[m],
        x[1, None],
    )


def repeats(x, i, m):
    return x.repeat(2, 1, 1), x.repeat_interleave(2, dim=1), x[:, :1].expand(-1, 5, 6), torch.roll(x, 1, -1), x.flip(1)


def joins(x, i, m):
    return (
        torch.cat([x, x[:, :2]], dim=1),
        torch.stack((x, -x), dim=-1).flatten(-2),
        torch.cat((torch.tensor([]), x[0, 0])),
    )


def gathers(x, i, m):
    y = (
        x.gather(1, i),
        x.index_select(1, torch.tensor([3, 0])),
        torch.take_along_dim(x, i[..., :1], dim=1),
        F.one_hot(i, 5),
    )
    return y, F.embedding(i, x[0]), torch.where(m, x, 0.5), x.masked_fill(m, -3.0), m.nonzero(), torch.where(m)


def scatters(x, i, m):
    zeros = torch.zeros_like(x)
    y = (
        zeros.scatter(1, i, x),
        zeros.scatter(-1, i, 1.0),
        zeros.scatter_add(1, i, x),
        x.index_add(1, i[0, :, 0], x, alpha=2),
    )
    return y, x.masked_scatter(m, x.flatten()), x.index_copy(1, torch.tensor([3, 1]), x[:, :2])


def writes(x, i, m):
    y = x.clone()
    y[:, 1:, ::2] = 0.25
    y[m] *= 2
    y.mul_(3).add_(1)
    row = y[0]
    row[1] = 7
    y[..., :2].copy_(x[..., 2:4])
    y[1].zero_()
    y.index_add_(1, torch.tensor([0, 0]), x[:, :2])
    return y, y.masked_fill_(m, 0.0)


def products(x, i, m):
    y = x.transpose(1, 2)
    z = (
        torch.einsum("bij,bkj->bik", x, x),
        torch.bmm(x, y),
        x @ y,
        torch.matmul(x, x[0].T),
        torch.outer(x[0, 0], x[1, 1]),
    )
    return (
        z,
        torch.baddbmm(x @ y, x, y, beta=0.5, alpha=2.0),
        torch.addmm(x[0] @ y[0], x[1], y[1]),
        F.linear(x, x[0], x[0, :, 0]),
    )


def attention(x, i, m):
    q = x.view(1, 3, 4, 6)
    mask = m.view(1, 3, 4, 6)[..., :4] | torch.eye(4, dtype=torch.bool)
    y = F.scaled_dot_product_attention(q, q, q, attn_mask=mask)
    return y, F.scaled_dot_product_attention(q, q[:, :1], q[:, :1], is_causal=True, scale=0.3, enable_gqa=True)


def convolutions(x, i, m):
    depthwise = nn.functional.conv1d(x, x[0, :, :3].unsqueeze(1), groups=4, padding=2)
    return depthwise, F.conv1d(x, x[:, :, :2], x[0, :3, 0], stride=2)


def paddings(x, i, m):
    return (
        F.pad(x, (1, 2)),
        F.pad(x, (-1, 1, 2, 0), value=9.0),
        torch.tril(x, -1),
        x.triu(1),
        torch.diagonal(x, 0, 1, 2),
    )


def complexes(x, i, m):
    z = torch.polar(x.abs(), x) * torch.view_as_complex(x.reshape(3, 4, 3, 2)).repeat(1, 1, 2)
    return torch.view_as_real(z), z.real, z.imag, z.abs()


def creations(x, i, m):
    y = torch.arange(0, 10, 3), torch.arange(4) / 4, torch.full((2, 2), 3), torch.linspace(0, 1, 5), torch.eye(3)
    a, b = torch.meshgrid(torch.arange(2), torch.arange(3), indexing="ij")
    return y, a + b, x.new_full((2,), 1.5), torch.full_like(x, 2.0), x.new_zeros(2, 3), torch.tensor([[1, 2], [3, 4]])


def dtypes(x, i, m):
    return x.to(torch.int64), m.float(), m.to(x.dtype), i.type_as(x), (x * 3).long(), x.bool(), m.int() + 1


def rotation(x, i, m):
    position = torch.arange(4)[None, :].float()
    frequency = 1.0 / (10000 ** (torch.arange(0, 6, 2).float() / 6))
    angle = (frequency[None, :, None].expand(3, -1, 1) @ position[:, None, :]).transpose(1, 2)
    angle = torch.cat((angle, angle), dim=-1)
    turned = torch.cat((-x[..., 3:], x[..., :3]), dim=-1)
    return x * angle.cos() + turned * angle.sin(), math.sqrt(2) * x


def loops(x, i, m):
    total = torch.zeros(6)
    for row in x[0]:
        total += row
    for number in range(2):
        total = total + number if number else total * 2
    first, *rest = x.unbind(1)
    return total, first + sum(rest), [float(v) for v in i[0, 0]]


def solving(x, i, m):
    a = x[..., :4] + 3 * torch.eye(4)
    return torch.linalg.solve_triangular(a, x, upper=False), torch.linalg.solve_triangular(
        a, x, upper=True, unitriangular=True
    )


def older_constructors(x, i, m):
    y = torch.Tensor([1, 2.5]), torch.FloatTensor([[1], [2]]), torch.LongTensor([3, 4]), torch.Tensor(x[0])
    return y, torch.arange(0, 8, step=4), torch.arange(start=1, end=6, step=2), torch.arange(8, 0, -3)


def joined_and_diagonal(x, i, m):
    square = x[0, :, :4]
    y = torch.hstack((x[0, 0], x[0, 1])), torch.hstack((x[0], x[1])), torch.vstack((x[0, 0], x[0, 1]))
    return y, torch.diag(square), torch.diag(x[0, 0], 1), x.detach().cpu().numpy().sum()


def named_axes(x, i, m):
    y = rearrange(x, "a (b c) d -> a b (c d)", b=2), rearrange(x, "a b d -> d 1 (a b)"), rearrange(x, "... d -> d ...")
    z = rearrange([x[0], x[1]], "n a b -> a (n b)"), repeat(x, "a b d -> a (b r) d", r=3), repeat(x, "... -> 2 ...")
    w = reduce(x, "a (b two) d -> b d", "mean", two=2), reduce(x, "a b d -> a d", "max"), reduce(x, "... d -> d", "sum")
    return y, z, w, einops.einsum(x, x, "a left d, a right d -> a left right")


def arrays(x, i, m):
    angles = np.outer(np.arange(4), 1.0 / np.power(10000, np.arange(0, 6, 2) / 6))
    y = torch.tensor(np.sin(angles)), torch.from_numpy(np.cos(angles)), torch.tensor(np.array([1.5, 2]))
    z = (
        np.concatenate([np.ones((2, 2)), np.zeros((1, 2))]),
        np.linspace(0, 1, 5),
        np.linspace(0.5, 2, num=4),
        np.full((2,), 3.0),
    )
    return y, [torch.tensor(one) for one in z], torch.tensor(np.sqrt(np.abs(angles))), np.log(2.0) + np.prod([2, 3])


def an_axis_more_under_its_name_in_numpy(x, i, m):
    return x[:, np.newaxis] * x[np.newaxis, ..., np.newaxis, 0]


def joined_under_the_names_of_numpy(x, i, m):
    return torch.cat((x, 2 * x), axis=1), torch.stack((x, -x), axis=-1), torch.concat((x, x), axis=-1)


def scattered_and_added(x, i, m):
    twice = torch.zeros_like(i)
    return x.scatter(1, twice, x[..., :2], reduce="add"), x.scatter(-1, i, 7.0), x.scatter(-1, twice, 1.5, reduce="add")


def differences(x, i, m):
    return torch.diff(x), torch.diff(x, dim=1, prepend=x[:, :1] + 1), x.diff(n=2, append=x[..., :2])


def parameters_in_a_list(x, i, m):
    listed = nn.ParameterList([nn.Parameter(x[0])])
    listed.append(nn.Parameter(x[0, :2]))
    listed.extend([nn.Parameter(x[:, 0])])
    return torch.tensor([len(listed), *(size for one in listed for size in one.shape)])
