"""Statements of the source that no idiom is for: carried over where they are token-wise and proved, else a hole."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.adapter.context import adapter_context
from scaffold.carried.operations import HANDLERS
from scaffold.carried.values import ATOM, Val
from scaffold.carried.writer import Writer
from scaffold.checkpoint.read import read_checkpoint
from scaffold.mapping.of_checkpoint import weight_map_of
from scaffold.reading.from_source import read_from_source
from scaffold.reading.present import decoder_facts
from scaffold.source.locate import find
from scaffold.source.torch.operations import Operation
from scaffold.weights.prove import prove
from tests.mixers.test_examples import read
from tests.models import odd_blocks
from tests.models.odd_blocks import CARRIED, Odd, write_odd
from tests.sampled import sampled

WRITTEN = {
    "limits and scales of heads": """\
        q = q.unflatten(-1, (self.num_heads, self.head_dim))
        q = q * torch.sigmoid(self.q_scale).view(-1, 1)
        q = q.flatten(-2)
        k = k.unflatten(-1, (self.num_kv_heads, self.head_dim))
        k = self.config.key_limit * torch.tanh((k + self.k_shift.squeeze(-2)) / self.config.key_limit)
        k = k.flatten(-2)
        q, k = self.rotary_emb(positions, q, k)
        q = q.unflatten(-1, (self.num_heads, self.head_dim))
        q = q * 1.5
        q = q.flatten(-2)
        attn_output = self.attn(q, k, v)
        attn_output = F.silu(attn_output) * self.out_scale
        output, _ = self.o_proj(attn_output)""",
    "turned the other way, then divided by the largest": """\
        cos, sin = self.rotary_emb.cos_sin_cache[positions].chunk(2, dim=-1)
        cos, sin = cos.repeat(1, 2), sin.repeat(1, 2)
        q = q.unflatten(-1, (self.num_heads, self.head_dim))
        first, second = q.chunk(2, dim=-1)
        x = q * cos.unsqueeze(-2) + torch.cat((second, -first), dim=-1) * sin.unsqueeze(-2)
        q = x / torch.abs(x).amax(-1, keepdim=True).clamp(min=0.0001) * self.config.query_gain
        q = q.flatten(-2)
        k = k.unflatten(-1, (self.num_kv_heads, self.head_dim))
        first, second = k.chunk(2, dim=-1)
        k = k * cos.unsqueeze(-2) + torch.cat((second, -first), dim=-1) * sin.unsqueeze(-2)
        k = k.flatten(-2)
        v = v.unflatten(-1, (self.num_kv_heads, self.head_dim))
        v = v ** 2 - v
        v = v.flatten(-2)
        attn_output = self.attn(q, k, v)""",
    "gates of the input and of positions": """\
        q, k = self.rotary_emb(positions, q, k)
        warmth, _ = self.warmth(hidden_states)
        steps = positions.float() + 1
        q = q.unflatten(-1, (self.num_heads, self.head_dim))
        q = q * (1 + 0.1 * torch.log(steps)).unsqueeze(-1).unsqueeze(-1) * torch.exp(warmth).unsqueeze(-2)
        q = q.flatten(-2).to(hidden_states.dtype)
        attn_output = self.attn(q, k, v)
        gate, _ = self.gate(hidden_states)
        gate = torch.tanh(gate)
        attn_output = attn_output.unflatten(-1, (self.num_heads, self.head_dim))
        attn_output = (attn_output * gate.unsqueeze(-1)).flatten(-2)""",
    "constants, factors of KV heads, and numbered entries": """\
        q = q.unflatten(-1, (self.num_heads, self.head_dim))
        q = q * torch.exp(self.temperature).repeat_interleave(self.num_heads // self.num_kv_heads, dim=-1).unsqueeze(-1)
        q = q.flatten(-2)
        q, k = self.rotary_emb(positions, q, k)
        q = q.unflatten(-1, (self.num_heads, self.head_dim))
        q = torch.tanh(q / 3**0.5) * (1 / 3)
        q = q.flatten(-2)
        steps = torch.arange(0, self.head_dim, 2, device=hidden_states.device).repeat_interleave(2, dim=-1)
        k = k.unflatten(-1, (self.num_kv_heads, self.head_dim))
        k = k * torch.exp(-torch.arange(self.head_dim, device=hidden_states.device).float() / self.config.head_dim)
        k = k * torch.cos(0.1 * (steps % 5))
        k = k.flatten(-2).to(hidden_states.dtype)""",
    "clamped gate": """\
        gate_up, _ = self.gate_up_proj(x)
        gate, up = gate_up.chunk(2, dim=-1)
        gate = gate.clamp(max=self.config.swiglu_limit)
        up = up.clamp(min=-self.config.swiglu_limit, max=self.config.swiglu_limit)
        x = (up + 1) * gate * torch.sigmoid(gate * self.slope)
        x, _ = self.down_proj(x)""",
    "warmth of experts, and a limit of their logits": """\
        router_logits, _ = self.gate(hidden_states)
        router_logits = router_logits * torch.exp(self.warmth)
        router_logits = self.config.router_cap * torch.tanh(router_logits / self.config.router_cap)
        return self.experts(""",
}


@pytest.mark.parametrize("name", sampled(CARRIED, every=3))
def test_statements_are_written_as_a_person_would(tmp_path: Path, name: str) -> None:
    checkpoint, source, decoder = read(write_odd(tmp_path, CARRIED[name]))
    rules = weight_map_of(decoder, checkpoint, source)
    proof = prove(rules, checkpoint.tensors, (1, 2, 4))
    assert (proof.findings, proof.unrouted) == ((), ())
    context = adapter_context(checkpoint.architecture, "PretrainedConfig", decoder, rules, checkpoint.tensors)
    texts = [text for kind in ("mixer", "feed_forward") for text in context[kind]["classes"]["texts"]]
    lines = [line for text in texts for line in text.splitlines() if not line.strip().startswith("#")]
    assert WRITTEN[name] in "\n".join(lines)
    assert any("# modeling_corvus.py:" in text for text in texts)


def test_a_saved_tensor_takes_no_name_that_the_adapter_has_for_something_else(tmp_path: Path) -> None:
    odd = Odd(made="self.scaling = nn.Parameter(torch.ones(self.heads, 1, 1))", after="query = query * self.scaling")
    checkpoint, source, decoder = read(write_odd(tmp_path, odd, layers=1))
    rules = weight_map_of(decoder, checkpoint, source)
    assert prove(rules, checkpoint.tensors, (1, 2)).holds
    context = adapter_context(checkpoint.architecture, "PretrainedConfig", decoder, rules, checkpoint.tensors)
    (text,) = context["mixer"]["classes"]["texts"]
    assert "q = q * self.scaling_weight.view(-1, 1)" in text
    assert any(fact.value == "statements of the source, carried over" for fact in decoder_facts(decoder))
    assert "self.scaling = self.head_dim**-0.5" in text


@pytest.mark.parametrize(("given", "written"), [("", ""), (", eps=1e-5", ", eps=1e-05")])
def test_a_norm_of_heads_without_a_module(given: str, written: str, tmp_path: Path) -> None:
    after = (
        f"query = F.rms_norm(query, (query.size(-1),){given})\nkey = F.rms_norm(key * 1.5 + 1, (self.head_dim,){given})"
    )
    checkpoint, source, decoder = read(write_odd(tmp_path, Odd(after=after), layers=1))
    rules = weight_map_of(decoder, checkpoint, source)
    context = adapter_context(checkpoint.architecture, "PretrainedConfig", decoder, rules, checkpoint.tensors)
    (text,) = context["mixer"]["classes"]["texts"]
    assert f"q = F.rms_norm(q, q.shape[-1:]{written})" in text
    assert f"k = F.rms_norm(k * 1.5 + 1, (k * 1.5 + 1).shape[-1:]{written})" in text


def holes_of(directory: Path) -> str:
    checkpoint = read_checkpoint(directory)
    source = find(checkpoint.architecture, checkpoint.model_type, dict(checkpoint.auto_map), directory, None)
    spec = read_from_source(checkpoint, source)
    assert spec.decoder is None
    return " ".join(hole.what for hole in spec.holes)


HOLES = {
    "a mean over tokens": (Odd(before="key = key - key.mean(dim=2, keepdim=True)"), "an operation over tokens"),
    "a sum that runs over tokens": (Odd(before="key = key + key.cumsum(dim=2)"), "the operation cumsum"),
    "the token before": (
        Odd(before="key = key + torch.cat((key[:, :, :1], key[:, :, :-1]), dim=2)"),
        "an operation over tokens",
    ),
    "a softmax over heads": (Odd(before="query = query.softmax(dim=1)"), "of which each rank holds a part"),
    "a norm over all heads' outputs": (
        Odd(behind="attended = attended / attended.abs().mean(dim=-1, keepdim=True)"),
        "of which each rank holds a part",
    ),
    "a factor of the length": (Odd(before="query = query * query.shape[2] ** 0.5"), "compute something else"),
    "a factor that the config gives in two ways": (
        Odd(after="query = query * (self.heads * 3 + self.head_dim)"),
        "explain in different ways",
    ),
    "v of the projection of k as well": (Odd(before="value = value + key.tanh()"), "a view to lengths"),
    "a number for each head": (
        Odd(after="query = query * torch.exp2(-torch.arange(self.heads).float())[:, None, None]"),
        "entries that are numbered, of which each rank holds a part",
    ),
    "tokens that are repeated": (
        Odd(before="key = key[:, :, ::2].repeat_interleave(2, dim=2)[:, :, : query.shape[2]]"),
        "over tokens",
    ),
    "positions in an MLP": (
        Odd(inner="inner = self.up_proj(hidden_states) * (1 + torch.arange(hidden_states.shape[1]).float())[:, None]"),
        "the operation arange",
    ),
    "a router's logits without their mean over tokens": (
        Odd(router="logits = logits - logits.mean(dim=1, keepdim=True)"),  # 0 but for rounding, where all are equal
        "tokens",
    ),
    "what is scored is no logits": (
        Odd(router="logits = logits + hidden_states.sum(dim=-1, keepdim=True).cos() * logits.flip(-1)"),
        "a router of no known form",
    ),
    "a table with an entry for each token": (
        Odd(made="self.bias = nn.Parameter(torch.zeros(64, 1))", before="key = key * self.bias[: key.shape[2]]"),
        "projection and attention",
    ),
}


@pytest.mark.parametrize("name", sampled(HOLES, every=3))
def test_what_is_not_token_wise_or_not_known_is_a_hole(tmp_path: Path, name: str) -> None:
    odd, said = HOLES[name]
    assert said in holes_of(write_odd(tmp_path, odd, layers=1))


FAULTS = {
    "statements that lead over tokens": ("key = key.cumsum(dim=2)", "cumsum", "torch.cumsum({0}, 0)", "other tokens"),
    "statements over heads of other ranks": (
        "query = query.softmax(dim=1)",
        "softmax",
        "torch.softmax({0}, -2)",
        "on rank 0 of 3",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_the_proof_finds_what_a_faulty_handler_lets_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """It runs the text alone: on ranks, with another token, with fewer."""
    statement, operation, text, said = FAULTS[name]

    def faulty(writer: Writer, op: Operation) -> Val:
        x = writer.value(op.args[0])
        return Val(text.format(x.code), ATOM, x.axes, x.order)

    monkeypatch.setitem(HANDLERS, operation, faulty)
    assert said in holes_of(write_odd(tmp_path, Odd(before=statement), layers=1))


def test_a_projection_of_q_that_is_a_gate_as_well_is_a_hole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """vLLM keeps q, k and v in one layer, of which nothing else is made."""
    twice = "gate = self.q_proj(hidden_states)\n        query = gate.view"
    monkeypatch.setattr(
        odd_blocks, "ATTENTION", odd_blocks.ATTENTION.replace("query = self.q_proj(hidden_states).view", twice)
    )
    said = holes_of(write_odd(tmp_path, Odd(behind="attended = attended * torch.cos(gate)"), layers=1))
    assert said == "q_proj, which is read for more than q, k or v"
