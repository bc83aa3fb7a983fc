"""The Transformers backend is offered for a checkpoint's own code where vLLM can take it, and nowhere else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scaffold.checkpoint.read import read_checkpoint
from scaffold.reading.of_checkpoint import read_model_of
from scaffold.strategy import transformers_backend
from scaffold.strategy.protocol import Answer, Question
from tests.checkpoint.made import checkpoint
from tests.lab.engine import engine
from tests.models.families import config_of, shapes_of, write
from tests.models.remote.build import CONFIG, source
from tests.strategy.trusted import tree

GONE = "from transformers.utils.import_utils import is_torch_fx_available\n"
INTERFACE = "attend = ALL_ATTENTION_FUNCTIONS.get_interface(config._attn_implementation, None)"


def answer_of(folder: Path) -> Answer:
    reading = read_model_of(read_checkpoint(folder), engine().transformers)
    return transformers_backend.holds(Question(reading, tree().registry, tree()))


def vela(tmp_path: Path, *pairs: tuple[str, str]) -> Path:
    sizes = {"model.embed_tokens.weight": (96, 64), "lm_head.weight": (96, 64), "model.norm.weight": (64,)}
    for layer in range(2):
        path = f"model.layers.{layer}."
        sizes |= {f"{path}self_attn.{name}_proj.weight": (64, 64) for name in "qo"}
        sizes |= {f"{path}self_attn.{name}_proj.weight": (32, 64) for name in "kv"}
        sizes |= {f"{path}mlp.{name}_proj.weight": (80, 64) for name in ("gate", "up")}
        sizes |= {f"{path}{name}.weight": (64,) for name in ("input_layernorm", "post_attention_layernorm")}
        sizes[f"{path}mlp.down_proj.weight"] = (64, 80)
    folder = checkpoint(tmp_path / "vela", {name: ("F32", shape) for name, shape in sizes.items()})
    (folder / "config.json").write_text(json.dumps(CONFIG))
    source(folder, engine().transformers)
    text = (folder / "modeling_vela.py").read_text()
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    (folder / "modeling_vela.py").write_text(text)
    return folder


def test_code_of_another_day_with_an_attention_of_its_own(tmp_path: Path) -> None:
    answer = answer_of(vela(tmp_path))
    assert not answer.holds
    assert "modeling_vela.py has an attention of its own (VelaAttention)" in answer.reason
    assert "imports modeling_attn_mask_utils._prepare_4d" not in answer.reason  # which is there still
    assert "utils.import_utils.is_torch_fx_available of transformers, which the target's" in answer.reason


def test_code_that_goes_through_the_librarys_table(tmp_path: Path) -> None:
    pairs = (GONE, ""), ("self.reset_parameters()\n\n", f"{INTERFACE}\n\n")
    assert answer_of(vela(tmp_path, *pairs)).holds


@pytest.mark.parametrize("product", ["gate, up", "up, gate", "not understood"])
def test_a_name_that_transformers_has_is_its_own_class(product: str, tmp_path: Path) -> None:
    """The backend runs that class: the checkpoint's code has to compute the same."""
    own: dict[str, Any] = {
        "AutoConfig": "configuration_own.Qwen3Config",
        "AutoModelForCausalLM": "modeling_own.Qwen3ForCausalLM",
    }
    folder = write(tmp_path, config_of("qwen3", auto_map=own), shapes_of("qwen3"))
    library = engine().transformers / "models/qwen3"
    text = (library / "modeling_qwen3.py").read_text()
    text = text.replace("from ...", "from transformers.").replace("from .", "from transformers.models.qwen3.")
    plain = "self.act_fn(self.gate_proj(x)) * self.up_proj(x)"
    other = {
        "gate, up": plain,
        "up, gate": "self.act_fn(self.up_proj(x)) * self.gate_proj(x)",
        "not understood": "unknown(self.act_fn(self.gate_proj(x)) * self.up_proj(x))",
    }
    assert plain in text
    (folder / "modeling_own.py").write_text(text.replace(plain, other[product]))
    config = (library / "configuration_qwen3.py").read_text()
    (folder / "configuration_own.py").write_text(config.replace("from ...", "from transformers."))
    answer = answer_of(folder)
    assert answer.holds is (product == "gate, up"), answer.reason
    if product == "up, gate":
        assert "computes something else than transformers' Qwen3ForCausalLM" in answer.reason
    if product == "not understood":
        assert "the backend runs transformers' Qwen3ForCausalLM and not modeling_own.py" in answer.reason


def test_code_that_is_not_in_the_folder_is_no_source(tmp_path: Path) -> None:
    """Where transformers has no such model either; code of another repository would be fetched."""
    for reference, holds in (("modeling_own.Own", False), ("org/repo--modeling_own.Own", True)):
        own = {"AutoConfig": "configuration_own.OwnConfig", "AutoModelForCausalLM": reference}
        changed = {"architectures": ["Own"], "model_type": "own", "auto_map": own}
        answer = answer_of(write(tmp_path / str(holds), config_of("qwen3", **changed), shapes_of("qwen3")))
        assert answer.holds is holds, answer.reason
        assert holds or "modeling_own.py, which auto_map refers to, is not in the folder" in answer.reason
