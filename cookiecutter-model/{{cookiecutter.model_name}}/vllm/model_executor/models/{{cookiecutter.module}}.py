{% if cookiecutter.adapter %}
{% include "adapter/header.py.jinja" %}
{% include "adapter/imports.py.jinja" %}
{% include "adapter/norms.py.jinja" %}
{% if cookiecutter.mlp %}
{% include "adapter/mlp.py.jinja" %}
{% endif %}
{% if cookiecutter.experts %}
{% include "adapter/experts.py.jinja" %}
{% endif %}
{% if cookiecutter.attention.latent and cookiecutter.attention.cached %}
{% include "adapter/cached_latent_attention.py.jinja" %}
{% elif cookiecutter.attention.latent %}
{% include "adapter/latent_attention.py.jinja" %}
{% else %}
{% include "adapter/attention.py.jinja" %}
{% endif %}
{% include "adapter/layer.py.jinja" %}
{% include "adapter/model.py.jinja" %}
{% if cookiecutter.dequantize %}
{% include "adapter/dequantize.py.jinja" %}
{% endif %}
{% include "adapter/causal_lm.py.jinja" %}
{% endif %}
