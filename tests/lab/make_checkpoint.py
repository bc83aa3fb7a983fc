"""Makes a small checkpoint. Run by the engine's Python, which has transformers: ``make_checkpoint.py ROW DEST``.

All weights are random, *norms, biases and saved buffers too*, so that a tensor that is ignored shows.
"""

import json
import sys
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from tokenizers.decoders import ByteLevel
from transformers import CONFIG_MAPPING, AutoModelForCausalLM, PreTrainedTokenizerFast

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


def randomise(model: torch.nn.Module) -> None:
    """Fill all that is saved; sizes are such that activations stay near 1 and logits are well apart."""
    generator = torch.Generator().manual_seed(0)
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


def main(row: dict, destination: Path) -> None:
    """Make the checkpoint of one row."""
    config = CONFIG_MAPPING[row["model_type"]](**{**COMMON, **row["config"]})
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    with torch.no_grad():
        randomise(model)
    model.save_pretrained(destination, max_shard_size="1MB")
    save_tokenizer(destination)
    if "architecture" in row:
        path = destination / "config.json"
        saved = json.loads(path.read_text())
        saved["architectures"] = [row["architecture"]]
        path.write_text(json.dumps(saved, indent=2) + "\n")


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), Path(sys.argv[2]))
