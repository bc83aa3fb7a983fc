"""Each outcome on a model that we made up: what is called, what becomes of it, by what, and where that stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ascend.small_trees import check, kernel, told

HEAD = """
from torch import nn
import torch
import vllm.kernels_of_ours
from vllm.kernels_of_ours import rotate, scale
from vllm.layers import Squash, Squeeze
from vllm.platforms import current_platform
"""


def model(init: str, forward: str, head: str = "") -> str:
    return (
        HEAD
        + head
        + "\nclass Model(nn.Module):\n    def __init__(self, *, vllm_config, prefix=''):\n        super().__init__()\n"
        + "".join(f"        {line}\n" for line in init.splitlines())
        + "\n    def forward(self, x, attn_metadata=None):\n"
        + "".join(f"        {line}\n" for line in forward.splitlines())
    )


def test_a_registered_layer_takes_the_place_of_a_class_by_its_name(tmp_path: Path) -> None:
    found = check(tmp_path, model("self.act = Squeeze()", "return self.act(x)"))
    squeeze = kernel(found, "_C.squeeze")
    assert told(found) == {"_C.squeeze": "replaced"}
    assert squeeze.by == "OurSqueeze, an out-of-tree layer"
    assert squeeze.by_site is not None
    assert squeeze.by_site.shown(tmp_path) == "vllm_ascend/layers.py:5"
    assert [(layer.what, layer.by) for layer in found.layers] == [("Squeeze", "OurSqueeze")]
    assert [name for name, _ in found.operators] == ["torch_npu.npu_squeeze"]


def test_a_layer_that_is_not_registered_runs_its_pytorch_code(tmp_path: Path) -> None:
    found = check(tmp_path, model("self.act = Squash()", "return self.act(x)"))
    squash = kernel(found, "_C.squash")
    assert told(found) == {"_C.squash": "runs as it is"}
    assert squash.by == "CustomOp.dispatch_forward gives forward_oot, which is forward_native"
    assert [(name, site.shown(tmp_path)) for name, site in found.native_layers] == [
        ("Squash.forward_native", "vllm/layers.py:6")
    ]


def test_a_branch_for_cuda_is_not_taken(tmp_path: Path) -> None:
    found = check(tmp_path, model("pass", "if current_platform.is_cuda():\n    return rotate(x)\nreturn x"))
    rotated = kernel(found, "_C.rotate")
    assert (rotated.outcome.value, rotated.by) == ("runs as it is", "not taken: current_platform.is_cuda()")
    assert rotated.by_site is not None
    assert rotated.by_site.shown(tmp_path) == "vllm/model.py:15"


def test_an_operator_for_cuda_stops(tmp_path: Path) -> None:
    found = check(tmp_path, model("pass", "return rotate(x)"))
    assert told(found) == {"_C.rotate": "CUDA-only"}
    (stop,) = found.stops
    assert [site.shown(tmp_path) for site in stop.sites] == ["vllm/kernels_of_ours.py:14"]
    assert [called for called, _ in stop.path] == ["Model.forward", "rotate"]


def test_under_a_condition_that_nobody_knows_it_does_not_stop(tmp_path: Path) -> None:
    found = check(tmp_path, model("pass", "if x.shape[0] > 16:\n    x = rotate(x)\nreturn x"))
    rotated = kernel(found, "_C.rotate")
    assert (found.stops, rotated.outcome.value, rotated.only_if) == ((), "CUDA-only", "x.shape[0] > 16")


def test_a_condition_over_the_requests_at_hand_is_met_sooner_or_later(tmp_path: Path) -> None:
    found = check(tmp_path, model("pass", "if attn_metadata.num_prefills > 0:\n    x = rotate(x)\nreturn x"))
    assert [stop.name for stop in found.stops] == ["_C.rotate"]


@pytest.mark.parametrize(("rotates", "expected"), [(True, ["_C.rotate"]), (False, [])])
def test_the_config_decides(tmp_path: Path, rotates: bool, expected: list[str]) -> None:
    init = "self.rotates = vllm_config.model_config.hf_config.rotates"
    text = model(init, "if self.rotates:\n    x = rotate(x)\nreturn x")
    assert [stop.name for stop in check(tmp_path, text, {"rotates": rotates}).stops] == expected


def test_layers_of_different_types_are_all_there(tmp_path: Path) -> None:
    init = "self.types = [kind for kind in vllm_config.model_config.hf_config.layer_types]"
    text = model(init, "for kind in self.types:\n    if kind == 'turned':\n        x = rotate(x)\nreturn x")
    assert [stop.name for stop in check(tmp_path, text, {"layer_types": ["plain", "turned"]}).stops] == ["_C.rotate"]
    assert told(check(tmp_path, text, {"layer_types": ["plain", "plain"]})) == {}
    assert check(tmp_path, text).kernels[0].only_if == "kind == 'turned'"


@pytest.mark.parametrize(("scaling", "expected"), [({"rope_type": "odd"}, ["_C.rotate"]), (None, [])])
def test_the_rotation_of_a_config_is_completed_as_vllm_does(
    tmp_path: Path, scaling: dict[str, str] | None, expected: list[str]
) -> None:
    init = "self.kind = vllm_config.model_config.hf_config.rope_parameters['rope_type']"
    text = model(init, "if self.kind == 'odd':\n    x = rotate(x)\nreturn x")
    assert [stop.name for stop in check(tmp_path, text, {"rope_scaling": scaling}).stops] == expected


def test_a_triton_kernel_is_left_to_the_device(tmp_path: Path) -> None:
    found = check(tmp_path, model("pass", "return scale(x)"))
    assert told(found) == {"_scale_kernel": "Triton"}
    assert found.stops == ()


def test_a_kernel_of_the_same_name_that_takes_no_place_is_pointed_out(tmp_path: Path) -> None:
    own = "from vllm.triton_utils import triton\n\n@triton.jit\ndef _scale_kernel(x, n):\n    pass\n"
    found = check(tmp_path, model("pass", "return scale(x)"), None, {"vllm_ascend/own.py": own})
    scaled = kernel(found, "_scale_kernel")
    assert scaled.by.endswith("vllm-ascend has a kernel of that name, which does not take its place")
    assert scaled.by_site is not None
    assert scaled.by_site.shown(tmp_path) == "vllm_ascend/own.py:4"


WORKER, OURS = "vllm_ascend/patch/worker/__init__.py", "vllm_ascend/patch/worker/patch_ours.py"
PATCH = {
    WORKER: "import vllm_ascend.patch.worker.patch_ours\n",
    OURS: """
        import torch
        import vllm.kernels_of_ours

        def rotate_npu(x):
            return torch.ops._C_ascend.rotate(x)

        vllm.kernels_of_ours.rotate = rotate_npu
        vllm.kernels_of_ours.no_longer_there = rotate_npu
        """,
}


def test_a_patched_function_is_what_callers_get(tmp_path: Path) -> None:
    found = check(tmp_path, model("pass", "return rotate(x)"), None, PATCH)
    assert told(found) == {"_C.rotate": "replaced"}
    assert kernel(found, "_C.rotate").by == "a patch of vllm.kernels_of_ours.rotate"
    assert [name for name, _ in found.operators] == ["_C_ascend.rotate"]


def test_a_patch_says_where_its_target_is_and_whether_it_is_there(tmp_path: Path) -> None:
    found = check(tmp_path, model("pass", "return rotate(x)"), None, PATCH)
    shown = {p.target: (p.site.shown(tmp_path), p.there and p.there.shown(tmp_path)) for p in found.patches}
    assert shown == {
        "vllm.kernels_of_ours.rotate": ("vllm_ascend/patch/worker/patch_ours.py:8", "vllm/kernels_of_ours.py:13"),
        "vllm.kernels_of_ours.no_longer_there": ("vllm_ascend/patch/worker/patch_ours.py:9", None),
    }


def test_what_a_patch_imports_in_vain_is_told(tmp_path: Path) -> None:
    text = "from vllm.layers import Squash, Gone\ntry:\n    from vllm import later\nexcept ImportError:\n    pass\n"
    found = check(tmp_path, model("pass", "return x"), None, PATCH | {OURS: text})
    assert [(item.what, item.site.shown(tmp_path)) for item in found.gone] == [("vllm.layers.Gone", f"{OURS}:1")]


@pytest.mark.parametrize(("version", "outcome"), [("0.23.0", "replaced"), ("0.22.0", "CUDA-only")])
def test_a_patch_for_another_release_does_not_count(tmp_path: Path, version: str, outcome: str) -> None:
    guarded = f"""
        from vllm_ascend.utils import vllm_version_is
        if vllm_version_is("{version}"):
            import vllm_ascend.patch.worker.patch_ours
        """
    files = PATCH | {WORKER: guarded}
    assert told(check(tmp_path, model("pass", "return rotate(x)"), None, files)) == {"_C.rotate": outcome}


def test_a_patched_method_is_followed_and_may_reach_kernels_of_its_own(tmp_path: Path) -> None:
    files = PATCH | {
        OURS: """
            from vllm.kernels_of_ours import scale
            from vllm.layers import Squash

            def forward(self, x):
                return scale(x)

            Squash.forward = forward
            """
    }
    found = check(tmp_path, model("self.act = Squash()", "return self.act(x)"), None, files)
    assert told(found) == {"_C.squash": "replaced", "_scale_kernel": "Triton"}


OPERATOR = """
from vllm.utils.torch_utils import direct_register_custom_op

class Mixer(nn.Module):
    def __init__(self, context, prefix):
        context.static_forward_context[prefix] = self

    def forward(self, x):
        return torch.ops.vllm.mix(x, "0")

    def core(self, x):
        return rotate(x)

def mix(x, layer_name):
    layer = get_forward_context().no_compile_layers[layer_name]
    return layer.core(x)

direct_register_custom_op(op_name="mix", op_func=mix)
"""


def test_an_operator_finds_the_layer_that_called_it(tmp_path: Path) -> None:
    found = check(tmp_path, model("self.mixer = Mixer(vllm_config, '0')", "return self.mixer(x)", OPERATOR))
    (stop,) = found.stops
    assert [called for called, _ in stop.path] == ["Model.forward", "Mixer.forward", "mix", "Mixer.core", "rotate"]


def test_packages_for_cuda_are_kernels(tmp_path: Path) -> None:
    found = check(tmp_path, model("pass", "import flashinfer\nreturn flashinfer.norm(x)"))
    assert [(stop.kind, stop.name) for stop in found.stops] == [("flashinfer", "flashinfer.norm")]


def test_what_is_not_implemented_for_the_platform_stops(tmp_path: Path) -> None:
    forward = "if current_platform.is_cuda():\n    return rotate(x)\nelse:\n    raise NotImplementedError('no')"
    found = check(tmp_path, model("pass", forward))
    assert [(stop.kind, stop.name) for stop in found.stops] == [("refusal", "NotImplementedError('no')")]


def test_the_backend_of_attention_is_the_platforms(tmp_path: Path) -> None:
    init = "self.backend = current_platform.get_attn_backend_cls(None, None)"
    found = check(tmp_path, model(init, "return x"))
    assert [(name, site.shown(tmp_path)) for name, site in found.backends] == [
        ("vllm_ascend.attention.OurBackend", "vllm_ascend/platform.py:4")
    ]


def test_what_cannot_be_followed_is_told(tmp_path: Path) -> None:
    found = check(tmp_path, model("self.method = vllm_config.choose()", "return self.method(x)"))
    assert [(item.call, item.why, item.site.shown(tmp_path)) for item in found.not_followed] == [
        ("self.method", "an attribute that Model is given at run time", "vllm/model.py:15")
    ]
