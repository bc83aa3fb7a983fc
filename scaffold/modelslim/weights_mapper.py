"""What ``WeightsMapper`` of vLLM does with a name, for the interpreter that runs vllm-ascend's renaming code.

Source: vllm/model_executor/models/utils.py, ``WeightsMapper._map_name``. This file is parsed, and never imported.
"""


class WeightsMapper:
    """Replaces parts and beginnings of names, each once."""

    def __init__(
        self, orig_to_new_prefix: dict[str, str] | None = None, orig_to_new_substr: dict[str, str] | None = None
    ) -> None:
        self.orig_to_new_prefix = orig_to_new_prefix or {}
        self.orig_to_new_substr = orig_to_new_substr or {}

    def _map_name(self, key: str) -> str:
        for substr, new_key in self.orig_to_new_substr.items():
            if substr in key:
                key = key.replace(substr, new_key, 1)
        for prefix, new_key in self.orig_to_new_prefix.items():
            if key.startswith(prefix):
                key = key.replace(prefix, new_key, 1)
        return key
