"""Rules for the strings that enter code, Markdown, YAML and paths. What breaks one is refused."""

from __future__ import annotations

import json
import keyword
import re

from codemods.refusal import Refusal

_HUB_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_MODULE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)*")
_RELEASE = re.compile(r"\d+(\.\d+)+((rc|\.?post)\d+)?")
_ADDRESS = re.compile(r"https://[A-Za-z0-9][A-Za-z0-9._~:/?#@!&*+,;=%-]*")
_MODEL_TYPE = re.compile(r"[^\W_][^\s\"'`\\/|<>{}$;&,]{0,127}")
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")


def identifier(value: str, what: str) -> str:
    """Return an ASCII Python identifier that is no keyword, or raise `Refusal`."""
    if value.isascii() and value.isidentifier() and not keyword.iskeyword(value):
        return value
    raise _refusal(value, what, "a Python identifier in ASCII")


def dotted_name(value: str, what: str) -> str:
    """Return a dotted name such as ``vllm.model_executor.models.llama``, or raise `Refusal`; it is no file's name."""
    if value.endswith(".py"):
        raise _refusal(value, what, "Python identifiers joined by dots, without the ending of a file")
    try:
        return ".".join(identifier(part, what) for part in value.split("."))
    except Refusal:
        raise _refusal(value, what, "Python identifiers joined by dots") from None


def packaged_module(value: str, what: str, example: str) -> str:
    """Return the dotted name of a module in a package: a short name would be looked for beside the packages."""
    if "." in dotted_name(value, what):
        return value
    raise _refusal(value, what, f"the whole dotted name of a module, such as {example}")


def file_name(value: str, what: str, suffix: str) -> str:
    """Return the plain name of a file that ends with ``suffix``, or raise `Refusal`."""
    if _FILE_NAME.fullmatch(value) and value.endswith(suffix) and value != suffix:
        return value
    raise _refusal(value, what, f"letters, digits, `.`, `_`, `+`, `-`, ending with `{suffix}`")


def relative_path(value: str, what: str, suffix: str) -> str:
    """Return a path of plain names, none of them `..`, or raise `Refusal`."""
    *directories, name = value.split("/")
    if all(_FILE_NAME.fullmatch(directory) for directory in directories):
        return "/".join([*directories, file_name(name, what, suffix)])
    raise _refusal(value, what, f"plain names joined by `/`, ending with `{suffix}`")


def hub_name(value: str, what: str) -> str:
    """Return the name of a checkpoint on the Hugging Face Hub (``trees/cedar-7b``), or raise `Refusal`."""
    parts = value.split("/")
    if len(parts) <= 2 and all(_HUB_PART.fullmatch(part) for part in parts):
        return value
    raise _refusal(value, what, "an owner and a name, joined by `/`, of letters, digits, `.`, `_`, `-`")


def model_type_name(value: str, what: str) -> str:
    """Return the ``model_type`` of a ``config.json``, any word that fits in quotes (``MoE++``), or raise `Refusal`."""
    if _MODEL_TYPE.fullmatch(value) and value.isprintable():
        return value
    raise _refusal(value, what, "a word that starts with a letter or digit, without quotes, commas and slashes")


def hub_path(value: str, what: str) -> str:
    """Return the name of a checkpoint on a hub, or of a folder in it, or raise `Refusal`."""
    if all(_HUB_PART.fullmatch(part) for part in value.split("/")):
        return value
    raise _refusal(value, what, "names joined by `/`, of letters, digits, `.`, `_`, `-`")


def module_name(value: str, what: str) -> str:
    """Return the name of a module in a model, such as ``experts.0.gate_proj``, or raise `Refusal`."""
    if _MODULE.fullmatch(value):
        return value
    raise _refusal(value, what, "names and numbers of modules joined by dots, such as experts.0.gate_proj")


def release(value: str, what: str) -> str:
    """Return the number of a release such as 0.28.0, or raise `Refusal`."""
    if _RELEASE.fullmatch(value):
        return value
    raise _refusal(value, what, "numbers joined by dots, such as 0.28.0 or 0.23.0.post1")


def web_address(value: str, what: str) -> str:
    """Return an address of the web, or raise `Refusal`."""
    if _ADDRESS.fullmatch(value):
        return value
    raise _refusal(value, what, "an address that begins with https://")


def one_line(value: str, what: str) -> str:
    """Return a line of printable text without blanks around it, or raise `Refusal`."""
    if value.strip() and value.isprintable():
        return value.strip()
    raise _refusal(value, what, "one line of printable text")


def one_of(value: str, choices: tuple[str, ...], what: str) -> str:
    """Return a value that is one of ``choices``, or raise `Refusal`."""
    if value in choices:
        return value
    raise _refusal(value, what, " or ".join(choices))


def string_literal(value: str, what: str) -> str:
    """Quote one line of printable text as Python source; JSON's escapes are Python's too."""
    return json.dumps(one_line(value, what), ensure_ascii=False)


def _refusal(value: str, what: str, expected: str) -> Refusal:
    return Refusal(f"{value!r}", where=what, expected=expected, remedy="use a name that follows this rule")
