"""Attention whose q and output experts project: what is one, however it is written, and what is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scaffold.feed_forwards.experts.spec import RouterSpec
from scaffold.mapping.of_checkpoint import weight_map_of
from scaffold.mixers.mixture_of_heads import facts, rules, write
from scaffold.mixers.mixture_of_heads.example import EXAMPLE
from scaffold.mixers.mixture_of_heads.spec import MixtureOfHeadsSpec
from scaffold.source.python.errors import NotUnderstood
from scaffold.spec.values import Value
from scaffold.weights import Scope, WeightMap
from scaffold.weights.apply import load
from scaffold.weights.prove import prove
from tests.adapter.test_blocks import FRAME
from tests.carried.test_carried_over import holes_of
from tests.mixers.test_examples import classes_of, read
from tests.models.around import CONFIG, write_around
from tests.report.test_all_in_chinese import is_said
from tests.sampled import sampled

Replaced = tuple[tuple[str, str], ...]
assert isinstance(EXAMPLE.spec, MixtureOfHeadsSpec)
SPEC: MixtureOfHeadsSpec = EXAMPLE.spec
LINE = "\n        "
MADE = "self.gate = nn.Linear("
SCORED = "F.softmax(self.gate(hidden_states), dim=-1)"
CHOSEN = "topk(self.top_k, dim=-1)\n"
SHAPED_Q = "q.view(shape).transpose(1, 2)"
TURNED_Q = f"q = rotate({SHAPED_Q}, turn)"
SHAPED_K = "self.k_proj(hidden_states).view(shape)"
TURNED_K = f"k = rotate({SHAPED_K}.transpose(1, 2), turn)"
REPEATED = "k, v = (x.repeat(1, self.top_k, 1, 1) for x in (k, v))"
OUT = "(F.softmax(scores + mask, dim=-1) @ v).transpose(1, 2)"
WEIGHTS = "weights[..., None]\n"
SUMMED = "mixed = mixed + (out * (chosen == number)[..., None]).sum(2) @ self.outputs[number].t()"


def before(text: str, *lines: str) -> tuple[str, str]:
    return text, LINE.join((*lines, text))


def after_choice(*lines: str) -> tuple[str, str]:
    return CHOSEN, LINE.join((CHOSEN.rstrip(), *lines)) + "\n"


def regrouped(x: str, counts: str) -> str:
    return f"{x}.unflatten(2, ({counts})).transpose(2, 3).flatten(2, 3)"


VECTOR = before(MADE, "self.bias = nn.Parameter(torch.zeros(config.hidden_size))")
SIDE_BY_SIDE: Replaced = (
    (SHAPED_Q, f"{regrouped('q.view(shape)', 'self.top_k, self.kv_heads')}.transpose(1, 2)"),
    (REPEATED, "k, v = (x.repeat_interleave(self.top_k, dim=1) for x in (k, v))"),
    (OUT, f"{OUT}{LINE}out = {regrouped('out', 'self.kv_heads, self.top_k')}"),
)
ONE_LAYER: Replaced = (
    ("self.k_proj = nn.Linear(config.hidden_size, width", "self.kv_proj = nn.Linear(config.hidden_size, 2 * width"),
    (f"{LINE}self.v_proj = nn.Linear(config.hidden_size, width, bias=False)", ""),
    before(TURNED_K, "k, v = self.kv_proj(hidden_states).chunk(2, dim=-1)"),
    (SHAPED_K, "k.view(shape)"),
    ("self.v_proj(hidden_states)", "v"),
)
TRANSPOSED: Replaced = (
    ("zeros(self.num_experts, width, config.hidden_size)", "zeros(self.num_experts, config.hidden_size, width, )"),
    ("zeros(self.num_experts, config.hidden_size, width))", "zeros(self.num_experts, width, config.hidden_size))"),
    ("bth,eqh->bteq", "bth,ehq->bteq"),
    ("self.outputs[number].t()", "self.outputs[number]"),
)


def with_router(**changed: object) -> MixtureOfHeadsSpec:
    return replace(SPEC, router=replace(SPEC.router, **changed))  # type: ignore[arg-type]


RIGHT: dict[str, tuple[Replaced, MixtureOfHeadsSpec]] = {
    "heads that share a KV head side by side": (SIDE_BY_SIDE, SPEC),
    "a bias": ((VECTOR, ("return mixed", "return mixed + self.bias")), replace(SPEC, o_bias="bias")),
    "k and v in one layer": (ONE_LAYER, replace(SPEC, kv_names=("kv_proj",))),
    "a router by sigmoid, with a bias and a factor": (
        (
            (SCORED, "torch.sigmoid(self.gate(hidden_states))"),
            ("self.num_experts, bias=False)", "self.num_experts)"),
            (WEIGHTS, WEIGHTS.replace("\n", " * 2.5\n")),
        ),
        with_router(scoring="sigmoid", bias=True, scaling=Value(2.5)),
    ),
    "experts in another order": ((after_choice("weights, chosen = weights.flip(-1), chosen.flip(-1)"),), SPEC),
    "experts the other way round": (TRANSPOSED, replace(SPEC, q_transposed=True, o_transposed=True)),
    "a bias of k and v": ((("width, bias=False", "width"),), replace(SPEC, kv_bias=Value(True))),
    "a renormalised router": (
        (after_choice("weights = weights / weights.sum(-1, keepdim=True)"),),
        with_router(renormalize=Value(True)),
    ),
    "a router by the softmax of the chosen logits": (
        ((SCORED, "self.gate(hidden_states)"), after_choice("weights = F.softmax(weights, dim=-1)")),
        with_router(renormalize=Value(True)),
    ),
    "no rotation": ((("q = rotate(", "q, _ = ("), ("k = rotate(", "k, _ = (")), replace(SPEC, rope=None)),
}
OTHER_OUTPUTS = "whose output is not the sum of what the chosen experts make of their heads"
OTHER_Q = "whose q is not what experts make of the input"
WRONG: dict[str, tuple[Replaced, str]] = {
    "outputs of other experts than q": ((("(chosen == number)", "(chosen.flip(-1) == number)"),), OTHER_OUTPUTS),
    "experts with a capacity": (
        (
            (
                SUMMED,
                "token = torch.where((chosen == number).any(-1)[0])[0][: hidden_states.shape[1] - 1]\n"
                f"            one = {SUMMED.removeprefix('mixed = mixed + ')}\n"
                "            mixed = mixed.index_add(1, token, one[:, token])",
            ),
        ),
        "experts with a capacity",
    ),
    "KV heads in another order than q": ((before(REPEATED, "k, v = k.flip(1), v.flip(1)"),), "a layout of k and v"),
    "v before k": (
        tuple((old, new.replace("k, v = self", "v, k = self")) for old, new in ONE_LAYER),
        "a layout of k and v in their projections",
    ),
    "experts that differ between KV heads": (
        (before(TURNED_Q, "q = torch.cat((q[..., : self.head_dim], q.flip(2)[..., self.head_dim :]), dim=-1)"),),
        OTHER_OUTPUTS,
    ),
    "one expert for the last KV head": (
        (
            before(
                TURNED_Q,
                "q = q.clone()",
                "q[..., -self.head_dim :] = q[:, :, :1, -self.head_dim :]",
            ),
        ),
        "chooses experts for some of the heads of k and v only",
    ),
    "a function of q": ((before(TURNED_Q, "q = torch.tanh(q)"),), OTHER_Q),
    "weights on q, too": ((before(TURNED_Q, "q = q * weights[..., None]"),), OTHER_Q),
    "norms of k": (
        (
            before(MADE, "self.norm = Norm(config.head_dim, config.rms_norm_eps)"),
            (SHAPED_K, f"self.norm({SHAPED_K})"),
        ),
        "what happens to k between projection and attention",
    ),
    "a soft cap": (
        ((f"self.head_dim**-0.5{LINE}", f"self.head_dim**-0.5{LINE}scores = 50.0 * torch.tanh(scores / 50.0){LINE}"),),
        "with a bias, sinks or a soft cap on scores",
    ),
    "a mask of its own": (
        (
            before(
                "scores = q",
                "index = torch.arange(hidden_states.shape[1])",
                "mask = torch.where(index[:, None] - index[None, :] == 3, -1e30, mask)",
            ),
        ),
        "with a mask that is not causal",
    ),
    "a choice that is corrected": (
        (
            before(MADE, "self.balance = nn.Parameter(torch.zeros(self.num_experts))"),
            before(f"weights, chosen = {SCORED}", f"scores = {SCORED}"),
            (f"weights, chosen = {SCORED}", "weights, chosen = (scores + self.balance)"),
            after_choice("weights = scores.gather(-1, chosen)"),
        ),
        "no idiom yet for a mixture of heads whose router corrects or groups the choice",
    ),
    "a router of other numbers": (((WEIGHTS, WEIGHTS.replace("weights", "weights.tanh()")),), "a router of no known"),
    "a vector that changes nothing": (
        (VECTOR, ("return mixed", "return mixed + 0.0 * self.bias")),
        "with other weights in it (bias)",
    ),
}


def write_of(directory: Path, replaced: Replaced) -> Path:
    return write_around(directory, {"mixer": EXAMPLE}, ["mixer", "mixer"], replaced=replaced)


@pytest.mark.parametrize("name", sampled(RIGHT))
def test_a_mixture_is_read_however_it_is_written(tmp_path: Path, name: str) -> None:
    replaced, spec = RIGHT[name]
    checkpoint, source, decoder = read(write_of(tmp_path, replaced))
    assert [layer.mixer for layer in decoder.layers] == [spec] * 2
    proof = prove(weight_map_of(decoder, checkpoint, source), checkpoint.tensors, (1, 2, 4))
    assert (proof.findings, proof.unrouted) == ((), ())
    (text,) = classes_of(checkpoint, source, decoder).values()
    assert ("self.rotary_emb(" in text) is (spec.rope is not None)
    assert ("return output + self.bias" in text) is bool(spec.o_bias)


@pytest.mark.parametrize("name", sampled(WRONG))
def test_what_is_a_little_different_is_a_hole(tmp_path: Path, name: str) -> None:
    replaced, said = WRONG[name]
    assert said in holes_of(write_of(tmp_path, replaced))


def test_ranks_share_the_right_axis_where_all_heads_are_as_wide_as_the_model(tmp_path: Path) -> None:
    """Then no shape of a tensor tells the axes of experts apart."""
    directory = write_around(tmp_path, {"mixer": EXAMPLE}, ["mixer", "mixer"], replaced=TRANSPOSED, hidden_size=64)
    checkpoint, source, decoder = read(directory)
    assert decoder.layer.mixer == replace(SPEC, q_transposed=True, o_transposed=True)
    weight_map = weight_map_of(decoder, checkpoint, source)
    axes = {rule.source.rpartition(".")[2]: rule.axis for rule in weight_map.rules}
    assert (axes["queries"], axes["outputs"]) == (2, 1)
    assert prove(weight_map, checkpoint.tensors, (1, 2, 4)).holds


def test_ranks_share_kv_heads_and_the_heads_of_all_experts_with_them() -> None:
    """Each rank's part of q and of the output is that of its KV heads; of more ranks than these, some hold the same."""
    spec = replace(SPEC, kv_names=("kv_proj",), num_kv_heads=Value(2), head_dim=Value(3), num_experts=Value(4))
    weight_map = WeightMap(tuple(rules(Scope(), spec, 5, FRAME.target)))
    rng = np.random.default_rng(0)
    tensors = {rule.source: rng.normal(size=rule.shape) for rule in weight_map.rules}
    for tp in (1, 2, 4):
        for rank in range(tp):
            held, heads = load(weight_map, tensors, tp, rank), slice(0, 6)
            if tp > 1:
                first = 3 * (rank // (tp // 2))
                heads = slice(first, first + 3)
            assert np.array_equal(held["mixer.q_experts"], tensors["mixer.queries"][:, heads])
            assert np.array_equal(held["mixer.o_experts"], tensors["mixer.outputs"][:, :, heads])
            k, v = np.split(tensors["mixer.kv_proj.weight"], 2)
            assert np.array_equal(held["mixer.kv_proj.weight"], np.concatenate([k[heads], v[heads]]))


def test_a_layer_of_keys_and_values_alone_lacks_no_q() -> None:
    """Under the name of one that has q, it does."""
    of_both = tuple(rules(Scope(), SPEC, 128, FRAME.target))
    assert prove(WeightMap(of_both), ()).findings
    assert "incomplete" not in {finding.kind for finding in prove(WeightMap(of_both), ()).findings}
    renamed = tuple(replace(rule, target=rule.target.replace("kv_proj", "qkv_proj")) for rule in of_both)
    assert "incomplete" in {finding.kind for finding in prove(WeightMap(renamed), ()).findings}


def test_a_router_that_there_is_no_idiom_for_is_a_hole() -> None:
    router: RouterSpec = replace(SPEC.router, scoring="sparse_mixer")
    with pytest.raises(NotUnderstood, match="no idiom yet for heads that are chosen by sparse_mixer"):
        write([replace(SPEC, router=router)], "NovaAttention", FRAME)


def test_people_read_what_is_chosen_and_how() -> None:
    spec = replace(SPEC, o_bias="bias", kv_names=("kv_proj",))
    said = {fact.name: fact.value for fact in facts(spec, "", CONFIG)}
    assert all(is_said(str(said[name])) for name in ("attention", "projections of q, k, v", "attention bias"))
    assert said["attention"] == "mixture of heads (MoA): 3 of 8 experts, 2 KV heads of 32"
    assert said["router of heads"] == "softmax, not renormalised, scaled by 1"
    assert said["attention bias"] == "k/v False, output True"
