"""The methods of quantisation that a vllm-ascend tree lists for NPUs, with the names that it has for them."""

from __future__ import annotations

from pathlib import Path

from scaffold.roots.ascend_quantization import NAMED_IN, npu_methods

UTILITIES = 'PACKED = "packed"\nOTHER = PACKED\n'


def made(root: Path, attribute: str) -> Path:
    for name, text in zip(NAMED_IN, (f"class NPUPlatform:\n    {attribute}\n", UTILITIES)):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
    return root


def test_the_list_is_read_with_its_names(tmp_path: Path) -> None:
    found = npu_methods(made(tmp_path, 'supported_quantization: list[str] = [PACKED, "fp8"]'))
    assert found == ("packed", "fp8")
    assert npu_methods(made(tmp_path, 'supported_quantization = ["fp8"]')) == ("fp8",)


def test_a_list_that_is_not_read_whole_says_nothing(tmp_path: Path) -> None:
    assert npu_methods(tmp_path) == ()
    assert npu_methods(made(tmp_path, "other = []")) == ()
    assert npu_methods(made(tmp_path, 'supported_quantization = [OTHER, "fp8"]')) == ()
    assert npu_methods(made(tmp_path, 'supported_quantization = ["fp8", *MORE]')) == ()
