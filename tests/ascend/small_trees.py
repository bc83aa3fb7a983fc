"""Two trees that we made up: as much of vLLM and vllm-ascend as a test of one outcome needs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from types import MappingProxyType

from scaffold.ascend.compatibility import Compatibility, check_compatibility
from scaffold.ascend.fate import Kernel

VLLM = {
    "_version.py": "__version__ = version = '0.23.0'\n",
    "custom_op.py": """
        from torch import nn
        from vllm.platforms import current_platform

        class CustomOp(nn.Module):
            def __init__(self):
                super().__init__()
                self._forward_method = self.dispatch_forward()

            def dispatch_forward(self):
                if current_platform.is_out_of_tree():
                    return self.forward_oot
                return self.forward_cuda

            def forward(self, *args, **kwargs):
                return self._forward_method(*args, **kwargs)

            def forward_oot(self, *args, **kwargs):
                return self.forward_native(*args, **kwargs)
        """,
    "layers.py": """
        import torch
        from vllm.custom_op import CustomOp

        class Squash(CustomOp):
            def forward_native(self, x):
                return x.tanh()

            def forward_cuda(self, x):
                return torch.ops._C.squash(x)

        class Squeeze(Squash):
            def forward_cuda(self, x):
                return torch.ops._C.squeeze(x)
        """,
    "kernels_of_ours.py": """
        import torch
        from vllm.triton_utils import tl, triton

        @triton.jit
        def _scale_kernel(x, n: tl.constexpr):
            pass

        def scale(x):
            _scale_kernel[(1,)](x, 4)
            return x

        def rotate(x):
            return torch.ops._C.rotate(x)
        """,
}
ASCEND = {
    "platform.py": """
        class NPUPlatform:
            @classmethod
            def get_attn_backend_cls(cls, selected, config):
                return "vllm_ascend.attention.OurBackend"

            @classmethod
            def check_and_update_config(cls, compilation_config):
                compilation_config.custom_ops = ["all"]
        """,
    "utils.py": """
        def vllm_version_is(version):
            import vllm
            return vllm.__version__ == version

        def register_ascend_customop(vllm_config=None):
            from vllm.custom_op import CustomOp
            from vllm_ascend.layers import OurSqueeze

            OPS = {"Squeeze": OurSqueeze}
            for name, op_cls in OPS.items():
                CustomOp.register_oot(_decorated_op_cls=op_cls, name=name)
        """,
    "layers.py": """
        import torch_npu
        from vllm.layers import Squeeze

        class OurSqueeze(Squeeze):
            def forward_oot(self, x):
                return torch_npu.npu_squeeze(x)
        """,
    "patch/platform/__init__.py": "",
    "patch/worker/__init__.py": "",
}


def check(
    root: Path, model: str, config: Mapping[str, object] | None = None, files: Mapping[str, str] = MappingProxyType({})
) -> Compatibility:
    """Write both trees, and further files, and check the class ``Model`` of a file."""
    write(root, model, files)
    return check_compatibility(root, root, "vllm.model", "Model", config, is_quantised=False)


def write(root: Path, model: str, files: Mapping[str, str] = MappingProxyType({})) -> None:
    """Write both trees, the model's file, and further files."""
    trees = {f"vllm/{name}": text for name, text in VLLM.items()}
    trees |= {f"vllm_ascend/{name}": text for name, text in ASCEND.items()}
    trees |= files
    trees["vllm/model.py"] = model
    for name, text in trees.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")


def told(found: Compatibility) -> dict[str, str]:
    """Return the kernels with what becomes of them."""
    return {kernel.name: kernel.outcome.value for kernel in found.kernels}


def kernel(found: Compatibility, name: str) -> Kernel:
    """Return the kernel of a name."""
    (only,) = [kernel for kernel in found.kernels if kernel.name == name]
    return only
