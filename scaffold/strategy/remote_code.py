"""Whether vLLM's Transformers backend takes modeling code that a checkpoint brings, as far as its text tells.

The backend puts vLLM's attention in place of the model's own, which only classes allow that say so or look attention
up in transformers' table; and it imports the code under the target's transformers, not under that of its day. Where
transformers has a class of the architecture's name, that is run, whatever the checkpoint brings.
vLLM: ``_try_resolve_transformers`` in model_executor/models/registry.py; transformers:
``_can_set_attn_implementation`` in modeling_utils.py.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from scaffold.roots.registered import BACKEND_MODULE
from scaffold.roots.vllm_tree import BACKEND_DICT, Registered
from scaffold.source.python.syntax import SourceFile
from scaffold.source.transformers.auto_mapping import model_type_of
from scaffold.spec.holes import listed
from scaffold.strategy.computes import same_spec
from scaffold.strategy.protocol import Question

OWN_ATTENTION = re.compile(r"^class \w*Attention\w*\((?:torch\.)?nn\.Module\):", re.MULTILINE)
ALLOWS = ("ALL_ATTENTION_FUNCTIONS.get_interface(", "_supports_attention_backend = True")
NOT_LED_IN = "{file} has an attention of its own ({name}) that does not go through transformers' interface"
GONE = "{file} imports {names} of transformers, which the target's transformers does not have"
OTHER_CODE = (
    "the backend runs transformers' {architecture} and not {file}; whether they compute the same is not known: {holes}"
)
SHOWN = 3


def against_remote_code(question: Question) -> Iterator[str]:
    """Yield why the backend does not take a checkpoint's own code; nothing where transformers' own class is taken."""
    source, library = question.reading.source, question.reading.transformers
    if source is None or source.library is not None or library is None or not question.reading.checkpoint.auto_map:
        return
    architecture = question.reading.checkpoint.architecture
    if model_type_of(architecture, library) is not None:
        yield from _against_other_code(question, architecture)
        return
    text = source.file.path.read_text(encoding="utf-8")
    own = OWN_ATTENTION.search(text)
    if own is not None and not any(word in text for word in ALLOWS):
        yield NOT_LED_IN.format(file=source.file.shown, name=own[0].removeprefix("class ").partition("(")[0])
    gone = list(dict.fromkeys(_gone(source.file, library)))
    if gone:
        more = f" and {len(gone) - SHOWN} more" if len(gone) > SHOWN else ""
        yield GONE.format(file=source.file.shown, names=", ".join(gone[:SHOWN]) + more)


def _against_other_code(question: Question, architecture: str) -> Iterator[str]:
    """Yield that transformers' own class of this name, which is run in place of the checkpoint's, is another model."""
    spec, source = question.reading.spec, question.reading.source
    assert source is not None
    if spec.decoder is None:
        holes = listed(spec.holes)
        yield OTHER_CODE.format(architecture=architecture, file=source.file.shown, holes=holes)
        return
    yield from same_spec(question, Registered(architecture, BACKEND_MODULE, architecture, BACKEND_DICT)).against


def _gone(file: SourceFile, library: Path) -> Iterator[str]:
    """Yield names that the file takes of transformers, whatever happens, and that are not there."""
    for statement in file.tree.body:
        if not isinstance(statement, ast.ImportFrom) or statement.level or not statement.module:
            continue
        package, *path = statement.module.split(".")
        if package != "transformers" or not path:
            continue
        words = _words(library.joinpath(*path))
        for alias in statement.names:
            if words is None or alias.name not in words | {"*"}:
                yield f"{'.'.join(path)}.{alias.name}"


@lru_cache(maxsize=64)
def _words(module: Path) -> frozenset[str] | None:
    """Return the words of a module's or a package's file, None where there is none."""
    places = (module.with_suffix(".py"), module / "__init__.py")
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        return None
    beside = {place.stem for place in module.glob("*.py")} if module.is_dir() else set()
    return frozenset(beside | set(re.findall(r"\w+", found.read_text(encoding="utf-8"))))
