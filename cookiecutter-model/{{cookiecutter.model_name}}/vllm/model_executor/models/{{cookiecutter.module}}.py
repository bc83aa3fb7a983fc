{% if cookiecutter.adapter %}
{% include "adapter/header.py.jinja" %}
{% include "adapter/imports.py.jinja" %}
{% include "adapter/norms.py.jinja" %}
{% for text in cookiecutter.feed_forward.classes.texts + cookiecutter.mixer.classes.texts %}
{{ text }}
{%- else %}
{% include "adapter/plain_mlp.py.jinja" %}
{% include "adapter/plain_attention.py.jinja" %}
{% endfor %}
{% include "adapter/layer.py.jinja" %}
{% include "adapter/model.py.jinja" %}
{% if cookiecutter.dequantize %}
{% include "adapter/dequantize.py.jinja" %}
{% endif %}
{% include "adapter/causal_lm.py.jinja" %}
{% endif %}
