{{ cookiecutter.licence_header }}


def register() -> None:
    """Register {{ cookiecutter.architecture }} with vLLM."""
    from vllm import ModelRegistry

    ModelRegistry.register_model("{{ cookiecutter.architecture }}", "{{ cookiecutter.target }}")
