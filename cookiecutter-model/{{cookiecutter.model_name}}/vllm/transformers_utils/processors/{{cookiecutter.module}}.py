{% if cookiecutter.adapter %}
{{ cookiecutter.licence_header }}
"""Processor of {{ cookiecutter.title }}: a stub, to be written from the checkpoint's processor files."""

from transformers import BatchFeature, ProcessorMixin


class {{ cookiecutter.prefix }}Processor(ProcessorMixin):
    """Turns text and images into model inputs.

    The checkpoint brings: {{ cookiecutter.processor_files }}.
{% if cookiecutter.image_processor %}
    Its pictures are prepared by: {{ cookiecutter.image_processor }}.
{% endif %}
    """

    attributes = ["image_processor", "tokenizer"]
    image_processor_class = "AutoImageProcessor"
    tokenizer_class = "AutoTokenizer"
{% if cookiecutter.image_token %}
    image_token = {{ cookiecutter.image_token }}
{% endif %}

    def __call__(self, text=None, images=None, **kwargs) -> BatchFeature:
        raise NotImplementedError(
            "How {{ cookiecutter.title }} places image tokens is not known: the processor is a stub."
        )
{% endif %}
