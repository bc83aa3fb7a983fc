"""What can be wrong with a description: each changes one, and says which kind of finding has to show it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

Words = dict[str, Any]


def _where(pattern: str, change: Callable[[str], str | None]) -> Callable[[Words], Words]:
    """Return the change of the words of entries that a pattern finds; None takes them out."""

    def changed(words: Words) -> Words:
        new = {name: change(word) if re.search(pattern, name) else word for name, word in words.items()}
        assert new != words
        return {name: word for name, word in new.items() if word is not None}

    return changed


def _renamed(pattern: str, new: str) -> Callable[[Words], Words]:
    return lambda words: {re.sub(pattern, new, name): word for name, word in words.items()}


def _settings(**settings: Any) -> Callable[[Words], Words]:
    return lambda words: {name: word for name, word in {**words, **settings}.items() if word is not None}


MUTATIONS: dict[str, tuple[str, Callable[[Words], Words], str]] = {
    "an entry is gone": ("MoE W8A8 dynamic", _where(r"1\.self_attn\.k_proj\.weight$", lambda _: None), "not described"),
    "a layer is gone": ("MoE W8A8 dynamic", _where(r"\.1\.self_attn\.o_proj", lambda _: None), "not described"),
    "a part is plain": ("MoE W8A8 dynamic", _where(r"1\.self_attn\.v_proj\.weight$", lambda _: "FLOAT"), "mixed"),
    "a part is static": ("MoE W8A8 dynamic", _where(r"1\.self_attn\.v_proj\.weight$", lambda _: "W8A8"), "mixed"),
    "an entry has another name": ("MoE W8A8 dynamic", _renamed(r"1\.self_attn\.o_proj", "1.self_attn.out_proj"),
                                  "not described"),
    "a quantised layer is plain": ("MLA", _where(r"0\.mlp\.down_proj\.weight$", lambda _: "FLOAT"),
                                   "described otherwise"),
    "the router is quantised": ("MoE W8A8 dynamic", _where(r"1\.mlp\.gate\.weight$", lambda _: "W8A8_DYNAMIC"),
                                "described otherwise"),
    "the router is not described": ("MoE W8A8 dynamic", _where(r"1\.mlp\.gate\.weight$", lambda _: None),
                                    "not described"),
    "the head is quantised": ("dense W8A8", _where(r"lm_head", lambda _: "W8A8"), "described otherwise"),
    "the vision merger is quantised": ("vision-language with prefix",
                                       _where(r"visual\.merger\.linear_fc2", lambda _: "W8A8_DYNAMIC"),
                                       "described otherwise"),
    "an expert is another": ("MoE W8A8 dynamic", _where(r"1\.mlp\.experts\.3\.up_proj", lambda _: "W8A16"), "mixed"),
    "an expert is gone": ("MoE W8A8 dynamic", _where(r"1\.mlp\.experts\.2\.", lambda _: None), "mixed"),
    "a scheme that nobody has": ("MoE W8A8 dynamic", _where(r"o_proj", lambda _: "W2A8"), "no scheme"),
    "experts of a scheme for linear layers": ("MoE W8A8 dynamic", _where(r"\.experts\.", lambda _: "W8A16"),
                                              "no scheme"),
    "the group size": ("W4A8", _settings(group_size=128), "scale-shape"),
    "the version": ("W4A8", _settings(version=None), "shape"),
    "static instead of dynamic": ("MoE W8A8 dynamic", _where(r"o_proj", lambda _: "W8A8"), "missing"),
    "the prefix of the model": ("vision-language with prefix", _renamed(r"^model\.language_model\.", "model."),
                                "not described"),
    "the draft layer is gone": ("MTP described", _where(r"\.layers\.2\.eh_proj", lambda _: None), "draft"),
    "a part of the draft is gone": ("MTP described", _where(r"\.2\.self_attn\.k_proj\.weight$", lambda _: None),
                                    "draft"),
    "a part of the draft is plain": ("MTP described", _where(r"\.2\.self_attn\.v_proj\.weight$", lambda _: "FLOAT"),
                                     "mixed"),
    "the draft is static": ("MTP described", _where(r"\.2\.self_attn\.o_proj", lambda _: "W8A8"), "missing"),
    "an expert of the draft is gone": ("MTP described", _where(r"\.2\.mlp\.experts\.3\.", lambda _: None), "mixed"),
    "a layer of the draft is plain": ("MTP described", _where(r"\.2\.mlp\.shared_experts\.down", lambda _: "FLOAT"),
                                      "described otherwise"),
}  # fmt: skip
"""What is wrong → (real shape, change, kind of finding)."""
