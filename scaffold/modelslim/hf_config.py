"""What the code of vLLM that makes a draft's config asks of a config, for the interpreter that runs it.

Source: transformers' ``PreTrainedConfig``. This file is parsed, and never imported.
"""


class HfConfig:
    """Attributes, and what inner configs there are."""

    def update(self, config_dict: dict[str, object]) -> None:
        for key, value in config_dict.items():
            setattr(self, key, value)

    def get_text_config(self) -> object:
        return getattr(self, "text_config", self)
