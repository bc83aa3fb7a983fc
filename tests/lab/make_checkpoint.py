"""Makes small checkpoints. Run by the engine's Python, which has transformers: ``make_checkpoint.py [[ROW, DEST], …]``.

All weights are random, *norms, biases and saved buffers too*, so that a tensor that is ignored shows.
"""

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from tokenizers.decoders import ByteLevel
from transformers import CONFIG_MAPPING, AutoModelForCausalLM, LlavaForConditionalGeneration, PreTrainedTokenizerFast

VOCABULARY = 512
COMMON = {
    "vocab_size": VOCABULARY,
    "num_hidden_layers": 4,
    "max_position_embeddings": 1024,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
    "tie_word_embeddings": False,
}
TEXT = [
    "Serving a language model means to answer many requests at once, each token by token.",
    "A mapping from names to parameters is proved before the first tensor is read.",
    "Heads, layers, experts, norms and rotations: what a checkpoint holds must all be used.",
    "请求逐个到达，模型逐字回答。权重的名称与参数一一对应。",
]
CHAT_TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def randomise(model: torch.nn.Module, seed: int = 0) -> None:
    """Fill all that is saved; sizes are such that activations stay near 1 and logits are well apart."""
    generator = torch.Generator().manual_seed(seed)
    saved = model.state_dict()
    for name, tensor in saved.items():
        if not tensor.is_floating_point():
            continue
        if "norm" in name and name.endswith("weight"):
            tensor.uniform_(0.5, 1.5, generator=generator)
        elif tensor.ndim < 2:
            tensor.normal_(0.0, 0.3, generator=generator)
        elif "embed" in name:
            tensor.normal_(0.0, 1.0, generator=generator)
        elif "lm_head" in name:
            tensor.normal_(0.0, 0.3, generator=generator)
        else:
            tensor.normal_(0.0, 1.5 / tensor.shape[-1] ** 0.5, generator=generator)


def save_tokenizer(destination: Path) -> None:
    """Train and save a small byte-level tokenizer with a chat template."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<pad>", "<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXT, trainer)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        chat_template=CHAT_TEMPLATE,
    ).save_pretrained(destination)


def quantise(destination: Path, block: list[int], dequantised: bool) -> None:
    """Turn the linear layers' weights into fp8 with one scale per block, as DeepSeek-V3 is published.

    With ``dequantised`` the checkpoint keeps its form and has what those weights stand for: the reference.
    """
    index = json.loads((destination / "model.safetensors.index.json").read_text())
    for shard in sorted(set(index["weight_map"].values())):
        tensors = {}
        for name, weight in load_file(destination / shard).items():
            if weight.ndim != 2 or ".layers." not in name or name.endswith((".gate.weight", ".router.weight")):
                tensors[name] = weight
                continue
            quantised, scale = to_fp8(weight.float(), *block)
            if dequantised:
                tensors[name] = (quantised.float() * spread(scale, weight.shape, *block)).to(weight.dtype)
                continue
            scale_name = name + "_scale_inv"
            tensors |= {name: quantised, scale_name: scale}
            index["weight_map"][scale_name] = shard
        save_file(tensors, destination / shard, metadata={"format": "pt"})
    if not dequantised:
        (destination / "model.safetensors.index.json").write_text(json.dumps(index))
        edit_config(destination, quantization_config={
            "quant_method": "fp8", "fmt": "e4m3", "activation_scheme": "dynamic", "weight_block_size": block,
        })  # fmt: skip


def to_fp8(weight: torch.Tensor, rows: int, columns: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the weight in fp8 and the scale of each block, edge blocks being smaller."""
    padded = torch.nn.functional.pad(weight, (0, -weight.shape[1] % columns, 0, -weight.shape[0] % rows))
    blocks = padded.unflatten(0, (-1, rows)).unflatten(2, (-1, columns))
    scale = blocks.abs().amax((1, 3)).clamp(min=1e-6) / torch.finfo(torch.float8_e4m3fn).max
    return (weight / spread(scale, weight.shape, rows, columns)).to(torch.float8_e4m3fn), scale


def spread(scale: torch.Tensor, shape: torch.Size, rows: int, columns: int) -> torch.Tensor:
    """Return each element's scale."""
    return scale.repeat_interleave(rows, 0).repeat_interleave(columns, 1)[: shape[0], : shape[1]]


def edit_config(destination: Path, **changes: object) -> None:
    """Change keys of ``config.json``."""
    path = destination / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}, indent=2) + "\n")


def untrained(row: dict) -> torch.nn.Module:
    """Return the model of a row; one with images has its language model's sizes in ``text_config``."""
    if row["model_type"] != "llava":
        config = CONFIG_MAPPING[row["model_type"]](**{**COMMON, **row["config"]})
        return AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    text = {**COMMON, **row["config"]["text_config"]}
    return LlavaForConditionalGeneration(CONFIG_MAPPING["llava"](**{**row["config"], "text_config": text}))


def main(row: dict, destination: Path) -> None:
    """Make the checkpoint of one row."""
    dtype = getattr(torch, row.get("dtype", "float32"))
    model = untrained(row)
    with torch.no_grad():
        randomise(model, row.get("seed", 0))
    model.to(dtype).save_pretrained(destination, max_shard_size="1MB")
    save_tokenizer(destination)
    if "fp8_block" in row:
        quantise(destination, row["fp8_block"], row.get("dequantised", False))
    if "architecture" in row:
        edit_config(destination, architectures=[row["architecture"]])


if __name__ == "__main__":
    for row, destination in json.loads(sys.argv[1]):
        main(row, Path(destination))
