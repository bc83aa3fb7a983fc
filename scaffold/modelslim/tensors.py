"""The tensors beside a quantised weight: whether those that its word stands for are there, as large as they must be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from scaffold.checkpoint.headers import Form
from scaffold.checkpoint.quantization import UNQUANTISED
from scaffold.modelslim.asked import Asked, kind_of
from scaffold.modelslim.description import FLOAT, Description
from scaffold.modelslim.fills import SHARDS, Fills
from scaffold.modelslim.layers import EMBEDDING, MOE, ROW_PARALLEL
from scaffold.modelslim.schemes import COLUMN, NONE, ROW, SCHEMES, Module, Scheme
from scaffold.weights.findings import Finding

WEIGHT = "weight"
KV_SHARDS = ("k", "v")
"""Of ``QKVParallelLinear``: ranks beyond the number of KV heads have copies of them."""


def tensor_findings(
    answers: Iterable[Asked], fills: Fills, forms: Mapping[str, Form], said: Description, ranks: Sequence[int]
) -> Iterator[Finding]:
    """Yield what is wrong with the tensors of layers whose word is known."""
    for one in answers:
        if not one.word:
            continue
        scheme = SCHEMES.get((one.word, kind_of(one.layer)))
        for shard, stem in _modules(one, fills):
            yield from _is_what_it_says(one, stem, forms)
            if scheme is not None and _weight(scheme, stem, forms) is not None:
                yield from _of_module(one, scheme, shard, stem, forms, said, ranks)


def _modules(one: Asked, fills: Fills) -> Iterator[tuple[object, str]]:
    """Yield the shard and the name of each module of the checkpoint that fills a layer."""
    if one.layer.kind != MOE:
        yield from fills.parts.get(one.layer.node, {}).items()
        return
    for shard in SHARDS:
        yield from ((shard, stem) for stem in fills.experts.get(one.layer.node, {}).get(shard, {}).values())


def _is_what_it_says(one: Asked, stem: str, forms: Mapping[str, Form]) -> Iterator[Finding]:
    form = forms.get(f"{stem}.{WEIGHT}") or forms.get(f"{stem}.weight_packed")
    if form is None:
        return
    is_plain = form.dtype in UNQUANTISED
    if is_plain and one.word != FLOAT:
        yield Finding(
            "described otherwise", f"the layer is served as {one.word}, and its weight is plain {form.dtype}",
            "describe it as FLOAT, or take the weights that the description is of", (f"{stem}.{WEIGHT}",), one.prefix,
        )  # fmt: skip
    if not is_plain and one.word == FLOAT:
        told = f"no entry names it, so it is served plain, and its weight is {form.dtype}"
        by = f"{one.plain_by} alone begins as its name does and is FLOAT, so it is served plain" if one.plain_by else ""
        says = by or (told if one.is_absent else f"it is described as FLOAT, and its weight is {form.dtype}")
        yield Finding(
            "described otherwise", f"{says}: {'garbage without any error' if by else 'the weights do not fit'}",
            "describe the layer as what it is", (f"{stem}.{WEIGHT}",), one.prefix,
        )  # fmt: skip


def _weight(scheme: Scheme, stem: str, forms: Mapping[str, Form]) -> Form | None:
    form = forms.get(f"{stem}.{scheme.tensors[0].leaf}")
    return form if form is not None and form.dtype in scheme.tensors[0].dtypes and len(form.shape) == 2 else None


def _of_module(
    one: Asked, scheme: Scheme, shard: object, stem: str, forms: Mapping[str, Form], said: Description,
    ranks: Sequence[int],
) -> Iterator[Finding]:  # fmt: skip
    module = module_of(one, scheme, shard, stem, forms, said)
    for tensor in scheme.tensors:
        name = f"{stem}.{tensor.leaf}"
        form, shape = forms.get(name), tensor.shape(module)
        if form is None:
            if tensor.required and shape is not None:
                yield Finding(
                    "missing", f"{one.word} needs {tensor.leaf} beside the weight",
                    f"take all files of the checkpoint; {scheme.source} makes the parameter and nothing fills it",
                    (name,), one.prefix,
                )  # fmt: skip
            continue
        if shape is None:
            continue
        if not _fits(form.shape, shape):
            yield Finding(
                "scale-shape", f"{one.word} asks for {list(shape)}, the tensor is {list(form.shape)}",
                f"check group_size and version of the description; the parameter is made by {scheme.source}",
                (name,), one.prefix,
            )  # fmt: skip
        if form.dtype not in tensor.dtypes:
            yield Finding(
                "data type", f"{one.word} asks for {' or '.join(tensor.dtypes)}, the tensor is {form.dtype}",
                f"take the weights that the description is of; the parameter is made by {scheme.source}",
                (name,), one.prefix,
            )  # fmt: skip
    asked = _layer_shape(one, shard)
    if asked is not None and asked != (module.out, module.into):
        yield Finding(
            "shape", f"{one.layer.layer} asks for {list(asked)}, {one.word} stands for {[module.out, module.into]}",
            "check the word and the version of the description", (f"{stem}.{scheme.tensors[0].leaf}",), one.prefix,
        )  # fmt: skip
    for size in ranks:
        for why in scheme.unfit(module, size) if size > 1 else ():
            yield Finding("uneven", why, "serve it with another tensor-parallel size", (stem,), one.prefix, size)


def module_of(
    one: Asked, scheme: Scheme, shard: object, stem: str, forms: Mapping[str, Form], said: Description
) -> Module:
    """Return a module of the checkpoint with its sizes, by its weight."""
    version = str(said.settings.get("version", "0"))
    out, into = scheme.sizes(forms[f"{stem}.{scheme.tensors[0].leaf}"].shape, version)
    group = said.group_size if said.group_size is not None else scheme.group
    if one.layer.kind == MOE:
        return Module(out, into, ROW if shard == "w2" else COLUMN, True, group, version)
    is_whole = one.layer.is_whole or shard in KV_SHARDS or one.layer.kind == EMBEDDING
    shared = ROW if one.layer.layer == ROW_PARALLEL else NONE if is_whole else COLUMN
    return Module(out, into, shared, False, group, version)


def _layer_shape(one: Asked, shard: object) -> tuple[int, int] | None:
    """Return outputs and inputs of a layer's part, where all are known."""
    experts = one.layer.experts
    if experts is not None:
        sizes = (experts.hidden, experts.inner) if shard == "w2" else (experts.inner, experts.hidden)
    else:
        asked = one.layer.shards.get(shard)
        if asked is None or len(asked) != 2:
            return None
        sizes = asked[0], asked[1]
    return (sizes[0], sizes[1]) if sizes[0] is not None and sizes[1] is not None else None


def _fits(found: tuple[int, ...], asked: tuple[int, ...]) -> bool:
    """Return whether a tensor fills a parameter; one number is written with one dimension or none."""
    return found == asked or (asked == (1,) and found == ())
