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


def functions_of_one(x, i, m):
    y = 3 * x
    whole = y.floor(), y.ceil(), torch.trunc(y), torch.round(y), torch.round(y, decimals=1), torch.frac(y), y.sign()
    more = torch.tan(x), torch.tanh(x), torch.atan(x), torch.exp2(x), torch.square(x), torch.reciprocal(x), x.neg()
    return whole, more, (x.abs() + 1).log10(), torch.sgn(x), i.sign(), F.hardsigmoid(4 * x), nn.Sigmoid()(x)


def functions_of_one_under_their_other_names(x, i, m):
    return torch.absolute(x), torch.negative(x), torch.arctan(x), x.clip(-0.5, 0.5), x.clip(max=0.1)


def functions_far_out(x, i, m):
    far = 40 * x
    return F.logsigmoid(far), F.softplus(far), F.mish(far), F.gelu(far), F.silu(far), F.elu(far), torch.sigmoid(far)


def functions_of_two(x, i, m):
    y = x.flip(1)
    ties = torch.minimum(x, y), torch.atan2(x, y), torch.arctan2(y, x), torch.fmod(x, 0.3), torch.copysign(x, y)
    powers = torch.pow(x.abs(), y), torch.pow(2, i), torch.pow(i, 3), torch.pow(i, i), torch.pow(x, 2)
    sums = torch.add(x, y, alpha=2), torch.sub(x, y, alpha=0.5), torch.subtract(x, y), torch.multiply(x, y)
    parts = torch.divide(x, y), torch.true_divide(x, y), torch.floor_divide(x, y), torch.remainder(x, y)
    return ties, powers, sums, parts, torch.lerp(x, y, 0.3), torch.addcmul(x, y, y, value=0.5)


def divisions_that_are_cut(x, i, m):
    y = x.flip(1)
    whole = torch.div(i - 2, 2, rounding_mode="trunc"), torch.div(i - 2, 2, rounding_mode="floor")
    return torch.div(x, y, rounding_mode="trunc"), x.div(0.7, rounding_mode="floor"), whole, (i - 2) % 3, (i - 2) // 2


def limits(x, i, m):
    y = x.flip(1)
    return (
        x.clamp_min(0.1),
        x.clamp_max(-0.1),
        x.clamp(min=y),
        x.clamp(min=0.2, max=-0.2),
        i.clamp(1, 2),
        x.clamp(y, y + 1),
    )


def comparisons(x, i, m):
    y = x.flip(1)
    long = x.eq(y), x.ne(y), x.lt(y), x.le(y), x.gt(y), x.ge(y), torch.greater(x, y), torch.less(x, y)
    return long, torch.greater_equal(x, y), torch.less_equal(x, y), torch.not_equal(x, y), x == y, i != 2


def logic_by_name(x, i, m):
    n = x > 0
    words = torch.logical_and(m, n), torch.logical_or(m, n), torch.logical_xor(m, n), torch.logical_not(m)
    bits = torch.bitwise_and(i, 2), torch.bitwise_or(i, 1), torch.bitwise_xor(i, 3), torch.bitwise_not(i)
    return words, bits, torch.logical_not(i), torch.bitwise_and(m, n), torch.bitwise_or(m, n), torch.bitwise_xor(m, n)


def not_finite(x, i, m):
    y = torch.where(m, x, x / 0.0)
    z = y - y
    known = torch.isinf(y), torch.isnan(z), torch.isfinite(y)
    return known, torch.nan_to_num(z), torch.nan_to_num(z, nan=2.5), torch.nansum(z, -1), torch.nansum(z)


def not_finite_made_finite(x, i, m):
    y = torch.where(m, x, x / 0.0)
    return torch.nan_to_num(y, posinf=3.0, neginf=-4.0), torch.nan_to_num(y) > 1e30, torch.nan_to_num(y) < -1e30


def dropouts_at_inference(x, i, m):
    return F.dropout(x, 0.5, training=False), F.alpha_dropout(x, 0.5, training=False), nn.Dropout(0.1).eval()(x)


def layers_of_each_element(x, i, m):
    made = nn.LeakyReLU(0.2), nn.ELU(alpha=0.5), nn.Softplus(2.0, threshold=1.0), nn.Mish(), nn.ReLU6(), nn.Hardswish()
    return [layer(4 * x) for layer in (*made, nn.LeakyReLU(), nn.ELU(), nn.Softplus())]


def complex_numbers(x, i, m):
    z = torch.complex(x, x.flip(1))
    return torch.view_as_real(z.conj() * 1), torch.angle(z), torch.view_as_real(z**2), z.is_complex()


def reductions_of_all_kinds(x, i, m):
    far = x.amin(-1), x.amin((0, 2), keepdim=True), x.argmin(1), x.argmin(), x.argmax(), x.argmax(1, keepdim=True)
    counts = torch.count_nonzero(m), torch.count_nonzero(m, dim=1), torch.bincount(i.flatten()), x.min(), i.max(1)
    whole = (
        i.sum(),
        i.sum(dim=1, dtype=torch.float32),
        m.sum(dim=0),
        i.prod(1),
        x.mean(),
        x.sum((0, 1)),
        i.any(),
        i.all(1),
    )
    return far, counts, whole, torch.bincount(i.flatten(), weights=x.flatten()[: i.numel()], minlength=6)


def counts_in_parts_of_a_range(x, i, m):
    choices = i.flatten().to(torch.float32)
    of_each = torch.histc(choices, bins=4, min=0, max=3), choices.histc(6, max=5).to(i.dtype).cumsum(0)
    return of_each, torch.histc(x), x.histc(5), torch.histc(x, 7, -1, 0.5), torch.histc(torch.ones(3), 3)


def spreads(x, i, m):
    one = (
        torch.var(x),
        torch.var(x, unbiased=False),
        x.var(False),
        x.std(),
        x.std(-1, False),
        x.var((0, 2), keepdim=True),
    )
    return one, torch.var(x, dim=1, correction=0), torch.std(x, dim=-1, correction=2), x.std(0, keepdim=True)


def lengths(x, i, m):
    by = x.norm(), x.norm(1, -1), x.norm(p=3, dim=1), x.norm(float("inf"), dim=-1), x.norm(float("-inf"), dim=-1)
    vectors = torch.linalg.vector_norm(x, dim=-1), torch.linalg.vector_norm(x, 1, dim=(0, 2), keepdim=True)
    return (
        by,
        vectors,
        torch.norm(x, dim=(1, 2)),
        F.normalize(x, p=1, dim=1),
        x.norm(0, -1),
        torch.linalg.norm(x, dim=-1),
    )


def softmaxes_over_what_is_hidden(x, i, m):
    y = x.masked_fill(m & (torch.arange(6) > 0), float("-inf"))
    return y.softmax(-1), y.log_softmax(-1).exp(), y.logsumexp(-1), torch.logsumexp(x, (1, 2))


def a_logsumexp_of_nothing(x, i, m):
    return torch.logsumexp(x.masked_fill(x == x, float("-inf")), -1)


def softmaxes_over_an_axis_that_is_not_said(x, i, m):
    return F.softmax(x), F.softmax(x[0]), nn.Softmax()(x), nn.Softmax(1)(x), F.log_softmax(x), F.softmax(x[None])


def cumulated_with_a_type(x, i, m):
    return m.cumsum(-1), i.cumsum(1, dtype=torch.float32) / 2, i.cumprod(-1), m.long().cumsum(0)


def layers(x, i, m):
    linear, norm, rms = nn.Linear(6, 3), nn.LayerNorm(6, eps=1e-3), nn.RMSNorm(6, eps=1e-3)
    table, conv = nn.Embedding(5, 6), nn.Conv1d(4, 8, 3, stride=2, padding=2, dilation=2, groups=2)
    return (
        linear(x) - (x @ linear.weight.T + linear.bias),
        norm(x) - F.layer_norm(x, (6,), norm.weight, norm.bias, 1e-3),
        rms(x) - F.rms_norm(x, (6,), rms.weight, 1e-3),
        table(i) - table.weight[i],
        conv(x) - F.conv1d(x, conv.weight, conv.bias, 2, 2, 2, 2),
        nn.LayerNorm(6, elementwise_affine=False)(x),
        nn.Linear(6, 3, bias=False)(x * 0),
        nn.SiLU(inplace=False)(x),
        nn.ReLU(False)(x),
    )


def norms_over_several_axes(x, i, m):
    norm, rms = nn.LayerNorm((4, 6), eps=1e-3), nn.RMSNorm((4, 6), eps=1e-3)
    plain = F.layer_norm(x, (4, 6), x[0], x[1], 1e-3), F.rms_norm(x, (4, 6), x[0], 1e-3), F.layer_norm(x, [6])
    made = norm(x) - F.layer_norm(x, (4, 6), norm.weight, norm.bias, 1e-3)
    return plain, made, rms(x) - F.rms_norm(x, (4, 6), rms.weight, 1e-3), rms.weight.numel()


def shapes_by_other_names(x, i, m):
    y = torch.swapaxes(x, 0, 1), torch.swapdims(x, 1, 2), torch.moveaxis(x, 0, -1), x[0].t(), x.view_as(x.flatten())
    z = x.reshape_as(x.mT), x[:1].expand_as(x), torch.broadcast_to(x[0], (2, 4, 6)), x.tile(2), x.tile((2, 1, 1))
    a, b = torch.broadcast_tensors(x[0], x[:, :1])
    return (
        y,
        z,
        a,
        b,
        x.contiguous(),
        x.requires_grad_(False).sum(),
        torch.concatenate((x, x), -1),
        x.moveaxis((0, 1), (2, 0)),
    )


def parts_by_other_names(x, i, m):
    y = x.select(1, 2), x.masked_select(m), x.split_with_sizes([1, 3], 1)[1], x.unfold(1, 2, 1), x.unfold(-1, 3, 2)
    return y, torch.masked_select(x, m[0]), x.masked_select(m[:, :1]), x.narrow(-1, -3, 2), x.unfold(2, 4, 1)


def written_into_parts(x, i, m):
    y = x.clone()
    y.select(1, 2).zero_()
    y.narrow(2, 1, 2).mul_(3)
    y.transpose(0, 1)[1].add_(1)
    y.unbind(0)[1].fill_(0.5)
    y[0].diagonal().fill_(7)
    y.view(-1)[:3] = 9
    a, b = y.chunk(2, dim=-1)
    b.sub_(a)
    return y


def written_by_index(x, i, m):
    y = x.clone()
    y[:, torch.tensor([0, 2])] = -1.0
    y[i[..., 0] > 1] = 0.25
    y[torch.arange(3), torch.tensor([1, 0, 3])] += 2
    y[..., -1] -= 1
    return y, x.index_fill(1, torch.tensor([0, 2]), 4.0), x.clone().index_fill_(-1, torch.tensor([1]), 2.0)


def made_alike(x, i, m):
    y = torch.ones(2, 3), torch.ones_like(x), torch.ones_like(i, dtype=torch.bool), x.new_ones(2), i.new_tensor([1, 2])
    z = torch.as_tensor([1, 2]), torch.scalar_tensor(3.5), torch.IntTensor([1, 2]), torch.BoolTensor([True, False])
    return y, z, x.new_zeros((2, 1)), torch.zeros(2, dtype=torch.long), torch.full((2,), True), torch.eye(2, 3)


def ranges(x, i, m):
    y = torch.arange(0.0, 1.0, 0.3), torch.arange(5, 0, -2), torch.arange(3, dtype=torch.float32), torch.arange(2.5)
    return y, torch.linspace(0, 1, steps=4), torch.linspace(3, -3, 7), torch.arange(1, 4) * 0.5


def questions(x, i, m):
    y = (
        x.dim(),
        x.ndimension(),
        x.numel(),
        x.nelement(),
        x.size(-1),
        list(x.size()),
        x.is_floating_point(),
        i.is_floating_point(),
    )
    z = (
        x.is_complex(),
        x.is_contiguous(),
        x.get_device(),
        x[0, 0, 0].item(),
        i[0].tolist(),
        torch.equal(x, x),
        x.equal(-x),
    )
    return y, z, torch.allclose(x, x + 1e-12), torch.allclose(x, x + 1), len(x), x.ndim


def conversions(x, i, m):
    y = 3 * x
    return (
        y.type(torch.int64),
        y.double(),
        y.int(),
        i.double() / 2,
        m.type(torch.float32),
        y.to(i),
        y.view(torch.float64),
    )


def products_by_other_names(x, i, m):
    y = torch.mm(x[0], x[1].T), torch.mv(x[0], x[1, 0]), torch.dot(x[0, 0], x[1, 1]), x[0].matmul(x[1, 0]), x @ x[0, 0]
    square = x[..., :4] + 3 * torch.eye(4)
    z = torch.linalg.inv(square), torch.einsum("...ij,...kj->...ik", x, x), torch.einsum("ij,jk", x[0], x[1].T)
    return y, z, torch.einsum("bij->ij", x), torch.einsum("bii->bi", square), torch.einsum("a,b->ab", x[0, 0], x[1, 1])


def pooled_by_name(x, i, m):
    return reduce(x, "a b d -> a b", "min"), reduce(x, "a b d -> a", "prod"), reduce(x, "a (b t) d -> a b", "mean", t=2)


def arrays_by_name(x, i, m):
    a = np.arange(1, 5)
    y = (
        np.asarray([1.0, 4.0]),
        np.ceil(a / 3),
        np.floor(a / 3),
        np.exp(a / 4),
        np.log2(a),
        np.tan(a / 8),
        np.cumsum(a, 0),
    )
    z = (
        np.expand_dims(a, 0),
        np.maximum(a, 2),
        np.minimum(a, 2),
        np.repeat(a, 2),
        np.stack([a, a]),
        np.where(a > 2, a, 0),
    )
    numbers = (
        np.sqrt(2.0),
        np.log(3.0),
        np.log2(8),
        np.exp(1.0),
        np.ceil(1.2),
        np.floor(1.7),
        np.prod([2, 3]),
        np.cumsum([1, 2])[1],
    )
    return [torch.tensor(one) for one in (*y, *z)], [float(one) for one in numbers]


def the_same_by_keyword(x, i, m):
    y = (
        x.transpose(dim0=1, dim1=2),
        x.flatten(start_dim=1),
        x.unsqueeze(dim=1),
        x[:, :1].squeeze(dim=1),
        x.flip(dims=(1,)),
    )
    z = x.narrow(dim=1, start=1, length=2), x.chunk(chunks=2, dim=-1)[1], x.repeat_interleave(repeats=2, dim=1)
    w = x.gather(dim=1, index=i), x.index_select(dim=1, index=torch.tensor([1])), x.masked_fill(mask=m, value=-1.0)
    v = (
        x.topk(k=2, dim=-1)[0],
        x.cumsum(dim=1),
        torch.roll(x, shifts=1, dims=1),
        torch.tril(x, diagonal=-1),
        x.permute(dims=(2, 0, 1)),
    )
    u = F.pad(input=x, pad=(1, 1)), F.layer_norm(x, normalized_shape=(6,), eps=1e-3), F.one_hot(i, num_classes=5)
    return (
        y,
        z,
        w,
        v,
        u,
        x.scatter(dim=1, index=i, src=x),
        x.scatter_add(dim=1, index=i, src=x),
        x.split(split_size=2, dim=1)[0],
    )


def more_by_keyword(x, i, m):
    y = x.transpose(1, 2)
    sums = (
        torch.add(input=x, other=2),
        torch.div(x, other=3),
        torch.maximum(x, other=-x),
        torch.pow(x, exponent=2),
        torch.mul(x, other=y.mT),
    )
    dots = (
        torch.matmul(x, other=y),
        torch.bmm(x, mat2=y),
        torch.outer(input=x[0, 0], vec2=x[1, 1]),
        F.linear(input=x, weight=x[0], bias=None),
    )
    made = (
        torch.full(size=(2,), fill_value=1.5),
        torch.cat(tensors=(x, x), dim=1),
        torch.stack(tensors=(x, x), dim=1),
        torch.full_like(x, fill_value=2),
    )
    more = (
        torch.where(condition=m, input=x, other=-x),
        F.embedding(input=i, weight=x[0]),
        x.reshape(shape=(3, -1)),
        x.movedim(source=0, destination=2),
    )
    last = (
        x.unflatten(dim=1, sizes=(2, 2)),
        x.expand(size=(2, 3, 4, 6)),
        x.index_add(dim=1, index=torch.tensor([0]), source=x[:, :1]),
        x.to(dtype=torch.int64),
    )
    q = x[None]
    return (
        sums,
        dots,
        made,
        more,
        last,
        F.scaled_dot_product_attention(query=q, key=q, value=q),
        torch.baddbmm(x @ y, batch1=x, batch2=y),
    )


def numbers_of_one_entry(x, i, m):
    one, kept = i[0, 0, :1], nn.ModuleList([nn.Linear(2, size) for size in (3, 4, 5, 6)])
    numbers = int(one), float(x[0, 0, :1]), int(x[:1, :1, :1] * 3), [7, 8, 9, 10][one], bool(one > 0)
    return numbers, kept[one].out_features, [kept[number].out_features for number in (i > 2).nonzero()[0][:1]]
