"""Run by the engine's Python: a small LLaVA as transformers saves it, and what transformers and vLLM answer to it.

``images.py make FOLDER`` writes the checkpoint and ``reference.json``; ``images.py serve FOLDER OUT`` what vLLM's own
class answers: the tokens of greedy decoding and their log probabilities, for text, and for text and an image.
"""

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")

WORDS = [f"w{number}" for number in range(60)]
PROMPTS = {"text": "w3 w1 w4 w1 w5 w9", "image": "w2 <image> w7 w1 w8"}
NEW_TOKENS = 8


def picture():
    """An image that no two patches of are alike."""
    import numpy
    from PIL import Image

    return Image.fromarray((numpy.arange(32 * 32 * 3).reshape(32, 32, 3) * 37 % 251).astype("uint8"))


def make(folder):
    """Write the checkpoint, its processor and the reference."""
    import torch
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit
    from transformers import (
        CLIPImageProcessor,
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
        PreTrainedTokenizerFast,
    )

    names = ["<unk>", "<pad>", "<s>", "</s>", "<image>", *WORDS]
    inner = Tokenizer(WordLevel({name: number for number, name in enumerate(names)}, unk_token="<unk>"))
    inner.pre_tokenizer = WhitespaceSplit()
    special = {"unk_token": "<unk>", "pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>"}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, **special, additional_special_tokens=["<image>"])
    size = {"height": 32, "width": 32}
    images = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=size, do_convert_rgb=True)
    processor = LlavaProcessor(
        images,
        tokenizer,
        patch_size=8,
        vision_feature_select_strategy="default",
        image_token="<image>",
        num_additional_image_tokens=1,
    )
    vision = CLIPVisionConfig(
        hidden_size=64, intermediate_size=96, num_hidden_layers=3, num_attention_heads=2, image_size=32, patch_size=8
    )
    text = LlamaConfig(
        vocab_size=len(names),
        hidden_size=128,
        intermediate_size=160,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        bos_token_id=2,
        eos_token_id=3,
        pad_token_id=1,
    )
    torch.manual_seed(0)
    config = LlavaConfig(vision_config=vision, text_config=text, image_token_index=4, image_seq_length=16)
    model = LlavaForConditionalGeneration(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter) * (0.08 if parameter.ndim > 1 else 0.3))
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    answers = {}
    for name, prompt in PROMPTS.items():
        inputs = processor(text=prompt, images=picture() if name == "image" else None, return_tensors="pt")
        out = model.generate(
            **inputs,
            max_new_tokens=NEW_TOKENS,
            min_new_tokens=NEW_TOKENS,
            do_sample=False,
            output_logits=True,
            return_dict_in_generate=True,
        )
        tokens = out.sequences[0, inputs["input_ids"].shape[1] :].tolist()
        logits = [step[0].log_softmax(-1) for step in out.logits]
        answers[name] = {
            "tokens": tokens,
            "log_probabilities": [step[t].item() for step, t in zip(logits, tokens, strict=True)],
        }
    (folder / "reference.json").write_text(json.dumps(answers))


def serve(folder, out):
    """Write what vLLM answers."""
    from vllm import LLM, SamplingParams

    llm = LLM(
        str(folder), dtype="float32", enforce_eager=True, max_model_len=128, model_impl="vllm", disable_log_stats=True
    )
    asked = SamplingParams(temperature=0, max_tokens=NEW_TOKENS, min_tokens=NEW_TOKENS, ignore_eos=True, logprobs=1)
    answers = {}
    for name, prompt in PROMPTS.items():
        request = {"prompt": prompt, **({"multi_modal_data": {"image": picture()}} if name == "image" else {})}
        (answer,) = llm.generate([request], asked)
        tokens = list(answer.outputs[0].token_ids)
        steps = answer.outputs[0].logprobs
        answers[name] = {
            "tokens": tokens,
            "log_probabilities": [step[token].logprob for step, token in zip(steps, tokens, strict=True)],
        }
    Path(out).write_text(json.dumps(answers))


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(Path(sys.argv[2]))
    else:
        serve(Path(sys.argv[2]), sys.argv[3])
