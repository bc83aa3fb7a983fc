{{ cookiecutter.licence_header }}


def register() -> None:
    """Register {{ cookiecutter.architecture }} with vLLM{{ ', and its config with transformers' if cookiecutter.config.module }}."""
{% if cookiecutter.config.module %}
    from transformers import AutoConfig
{% endif %}
    from vllm import ModelRegistry
{% if cookiecutter.config.module %}

    from {{ cookiecutter.package }}.{{ cookiecutter.config.module }} import {{ cookiecutter.config.class_name }}

    AutoConfig.register("{{ cookiecutter.config.model_type }}", {{ cookiecutter.config.class_name }}, exist_ok=True)
{% else %}

{% endif %}
    ModelRegistry.register_model("{{ cookiecutter.architecture }}", "{{ cookiecutter.target }}")
