"""What the base class of configs has without being told: its names, defaults, fields and older spellings.

Follows src/transformers/configuration_utils.py of transformers 5, and of transformers 4 where it says so.
"""

from __future__ import annotations

from typing import Any

from scaffold.source.transformers.config_rope import DEFAULT_THETA
from scaffold.vocabulary.lookup import spellings

BASE_NAMES = ("PreTrainedConfig", "PretrainedConfig")
BASE_DEFAULTS: dict[str, Any] = {
    "_attn_implementation": "eager",
    "_attn_implementation_internal": "eager",
    "_experts_implementation": "eager",
    "attention_dropout": 0.0,
    "attribute_map": {},
    "chunk_size_feed_forward": 0,
    "default_rope_type": "default",
    "default_theta": DEFAULT_THETA,
    "id2label": None,
    "is_encoder_decoder": False,
    "is_heterogeneous": False,
    "output_attentions": False,
    "output_hidden_states": False,
    "pad_token_id": None,
    "pruned_heads": {},
    "return_dict": True,
    "sub_configs": {},
    "tie_word_embeddings": True,
    "torch_dtype": None,
    "dtype": None,
    "use_cache": False,
    "use_return_dict": True,
}
"""Defaults of ``PreTrainedConfig`` and what it computes where nothing was stated."""
EARLIER_DEFAULTS: dict[str, Any] = {
    **dict.fromkeys(("add_cross_attention", "is_decoder", "tie_encoder_decoder", "torchscript", "use_bfloat16"), False),
    **dict.fromkeys(("bos_token_id", "eos_token_id", "sep_token_id", "decoder_start_token_id"), None),
    **dict.fromkeys(("cross_attention_hidden_size", "finetuning_task", "prefix", "tokenizer_class"), None),
    **dict.fromkeys(("problem_type", "task_specific_params", "label2id"), None),
    "num_labels": 2,
    **dict.fromkeys(("do_sample", "early_stopping", "output_scores", "return_dict_in_generate"), False),
    **dict.fromkeys(("remove_invalid_values",), False),
    **dict.fromkeys(("min_length", "no_repeat_ngram_size", "encoder_no_repeat_ngram_size"), 0),
    **dict.fromkeys(("num_beams", "num_beam_groups", "num_return_sequences"), 1),
    **dict.fromkeys(("temperature", "top_p", "typical_p", "repetition_penalty", "length_penalty"), 1.0),
    **dict.fromkeys(("bad_words_ids", "forced_bos_token_id", "forced_eos_token_id", "suppress_tokens"), None),
    **dict.fromkeys(("begin_suppress_tokens", "exponential_decay_length_penalty"), None),
    "diversity_penalty": 0.0,
    "max_length": 20,
    "top_k": 50,
}
"""Defaults that ``PretrainedConfig`` of transformers 4 has besides (src/transformers/configuration_utils.py, 4.30 to
4.57), for the config classes of remote code. Those of generation compute nothing, but are read."""
BASE_FIELDS: dict[str, Any] = {
    "architectures": None,
    "chunk_size_feed_forward": 0,
    "dtype": None,
    "id2label": None,
    "is_encoder_decoder": False,
    "label2id": None,
    "output_hidden_states": False,
    "problem_type": None,
    "return_dict": True,
    "transformers_version": None,
}
"""Fields of ``PreTrainedConfig`` itself."""
DTYPE_KEYS = spellings("dtype")
"""Today's, and older ones."""
OLD_LAYER_TYPES = {
    "mamba": "linear_attention",
    "attention": "full_attention",
    "deepseek_sparse_attention": "indexed_attention",
    "qwen_sparse_attention": "indexed_attention",
}
"""``_LEGACY_LAYER_TYPE_REMAP`` of configuration_utils.py."""
