"""All recipes: rows of codemods that belong together. A new one is a row here, with its example."""

from __future__ import annotations

from codemods.codemod import Parameter
from codemods.recipe import (
    FileText,
    Hidden,
    Holders,
    MissingPackages,
    ModuleText,
    Recipe,
    Step,
    TreeExample,
    Users,
    Vendored,
    same,
)
from codemods.vllm_ascend.patch_known import note_unknown

_PATCH_HEADER = FileText("vllm_ascend/patch/worker/__init__.py")
"""Its leading comment is the licence header that files of the tree start with."""

_PATCHED = """\
class Cedar:
    def grow(self, rings: int) -> int:
        return rings + 1
"""
_PATCH = """\
# Licence of the trees.

from vllm.cedar import Cedar

_original_grow = Cedar.grow


def _ascend_grow(self, rings: int) -> int:
    return _original_grow(self, rings)


Cedar.grow = _ascend_grow
"""
_PATCH_IMPORTS = "# Licence of the trees.\nimport vllm_ascend.patch.worker.patch_birch  # noqa\n"
_PATCH_LOG = "# Licence of the trees.\n\n# * Worker Patch:\n# ===\n"
_PATCH_LOG_ENTRY = """\
#
# ** 1. File: worker/patch_cedar.py**
# ~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
#   1. `vllm.cedar.Cedar.grow`
#    Why:
#       The kernel is slow.
#    How:
#       Call another one.
#    Related PR (if no, explain why):
#       No, it is specific to the device.
#    Future Plan:
#       Remove it when the kernel is fast.
"""

ADD_PATCH = Recipe(
    name="add-patch",
    summary="replace a function, method or class of vLLM by a patch: write its file, its import and its log entry",
    tree="vllm-ascend",
    parameters=(
        Parameter("module", "the patch module's name, such as patch_cedar or patch_v2.patch_cedar"),
        Parameter("target", "the function, method or class to replace, as a dotted name"),
        Parameter("vllm", "the vLLM source tree that defines it", is_tree=True),
        Parameter("why", "why the patch is needed, one line"),
        Parameter("how", "what it does instead, one line"),
        Parameter("related_pr", "the pull request to vLLM, or why there is none, one line"),
        Parameter("future_plan", "when the patch can be removed, one line"),
        Parameter("replacement", "the replacement, as a dotted name; the default is a wrapper or a subclass", ""),
        Parameter("kind", "worker (applied when a worker starts) or platform (earlier)", "worker"),
        Parameter("condition", 'the condition under which it is applied, such as `vllm_version_is("0.23.0")`', ""),
    ),
    steps=(
        Step(
            "ascend-worker-patch",
            {
                **same("module", "target", "kind", "replacement"),
                "source": ModuleText("vllm", "target"),
                "header_source": _PATCH_HEADER,
                "importers": Holders("vllm", "target"),
                "hidden": Hidden("vllm", "target"),
                "missing_packages": MissingPackages("vllm_ascend.patch.{kind}", "{module}"),
            },
        ),
        Step("ascend-patch-import", same("module", "kind", "condition")),
        Step("ascend-patch-log", same("module", "target", "why", "how", "related_pr", "future_plan", "kind")),
    ),
    examples=(
        TreeExample(
            {
                "module": "patch_cedar",
                "target": "vllm.cedar.Cedar.grow",
                "vllm": ".",
                "why": "The kernel is slow.",
                "how": "Call another one.",
                "related_pr": "No, it is specific to the device.",
                "future_plan": "Remove it when the kernel is fast.",
            },
            {
                "vllm/cedar.py": _PATCHED,
                "vllm_ascend/patch/worker/__init__.py": _PATCH_IMPORTS,
                "vllm_ascend/patch/__init__.py": _PATCH_LOG,
            },
            {
                "vllm_ascend/patch/worker/patch_cedar.py": _PATCH,
                "vllm_ascend/patch/worker/__init__.py": f"{_PATCH_IMPORTS}"
                "import vllm_ascend.patch.worker.patch_cedar  # noqa\n",
                "vllm_ascend/patch/__init__.py": _PATCH_LOG + _PATCH_LOG_ENTRY,
            },
        ),
    ),
)

RETIRE_PATCH = Recipe(
    name="retire-patch",
    summary="remove a patch: its import, its log entry and its file",
    tree="vllm-ascend",
    parameters=(
        Parameter("module", "the patch module's name, such as patch_cedar or patch_v2.patch_cedar"),
        Parameter("kind", "worker or platform", "worker"),
    ),
    steps=(
        Step("ascend-patch-import-removal", same("module", "kind")),
        Step("ascend-patch-log-removal", same("module", "kind")),
        Step(
            "ascend-patch-file-removal",
            {
                **same("module", "kind"),
                "users": Users(
                    "vllm_ascend.patch.{kind}.{module}",
                    ("vllm_ascend/patch/{kind}/__init__", "vllm_ascend/patch/__init__"),
                ),
            },
        ),
    ),
    examples=(
        TreeExample(
            {"module": "patch_cedar"},
            {
                "vllm_ascend/patch/worker/patch_cedar.py": _PATCH,
                "vllm_ascend/patch/worker/__init__.py": f"{_PATCH_IMPORTS}"
                "import vllm_ascend.patch.worker.patch_cedar  # noqa\n",
                "vllm_ascend/patch/__init__.py": _PATCH_LOG + _PATCH_LOG_ENTRY,
            },
            {
                "vllm_ascend/patch/worker/patch_cedar.py": None,
                "vllm_ascend/patch/worker/__init__.py": _PATCH_IMPORTS,
                "vllm_ascend/patch/__init__.py": _PATCH_LOG,
            },
        ),
    ),
    note=note_unknown,
)

_LICENCE = "# Copyright 2026 The trees.\n# Licence of the trees.\n"
_GROVE = f"""\
{_LICENCE}
import math
from .soil import Soil, deep, old

RINGS = 3


def unused():
    return RINGS


class Oak(Soil):
    def rings(self, n: "Soil") -> float:
        return math.sqrt(n) + deep(RINGS) + old()
"""
_SOIL = f"{_LICENCE}\n\ndef deep(n):\n    return n\n\n\ndef old():\n    return 1\n\n\nclass Soil:\n    pass\n"
_VENDORED = f"""\
{_LICENCE}# From transformers 9.0, changed in its imports alone:
#   transformers/soil.py: Soil, deep
#   transformers/grove.py: Oak, RINGS

import math

from transformers.soil import old


def deep(n):
    return n


class Soil:
    pass


RINGS = 3


class Oak(Soil):
    def rings(self, n: "Soil") -> float:
        return math.sqrt(n) + deep(RINGS) + old()
"""

VENDOR_SYMBOLS = Recipe(
    name="vendor-symbols",
    summary="copy classes and functions of a newer transformers, with what they need, into a module of a model's tree",
    tree="vllm-ascend",
    parameters=(
        Parameter("module", "the module to write, such as vllm_ascend.models.cedar_parts"),
        Parameter("names", "the names to copy, separated by commas"),
        Parameter("source", "the module that defines them, such as transformers.models.cedar.modeling_cedar"),
        Parameter("transformers", "the directory that holds the newer `transformers/`", is_tree=True),
        Parameter("installed", "the directory that holds the installed `transformers/`", is_tree=True),
    ),
    steps=(
        Step(
            "vendored-module",
            {**same("module"), "content": Vendored("transformers", "installed", "source", "names")},
        ),
    ),
    examples=(
        TreeExample(
            {
                "module": "vllm_ascend.models.oak",
                "names": "Oak",
                "source": "transformers.grove",
                "transformers": "newer",
                "installed": "here",
            },
            {
                "newer/transformers/__init__.py": '__version__ = "9.0"\n',
                "newer/transformers/grove.py": _GROVE,
                "newer/transformers/soil.py": _SOIL,
                "here/transformers/__init__.py": "",
                "here/transformers/soil.py": "def old():\n    return 1\n",
            },
            {"vllm_ascend/models/oak.py": _VENDORED},
        ),
    ),
)

_REGISTRY = '_TEXT_GENERATION_MODELS = {\n    "AlderForCausalLM": ("alder", "AlderForCausalLM"),\n}\n'
_CEDAR_ENTRY = '    "CedarForCausalLM": ("cedar", "CedarForCausalLM"),\n'
_TEST_REGISTRY = '_TEXT_GENERATION_EXAMPLE_MODELS = {\n    "AlderForCausalLM": _HfExamplesInfo("trees/alder"),\n}\n'
_CEDAR_TEST_ENTRY = '    "CedarForCausalLM": _HfExamplesInfo("trees/cedar"),\n'
_CEDAR_MODEL = {
    "architecture": "CedarForCausalLM",
    "module": "cedar",
    "class_name": "CedarForCausalLM",
    "checkpoint": "trees/cedar",
}

REGISTER_MODEL = Recipe(
    name="register-model",
    summary="register an architecture in vLLM: in its registry and, if the tree has the tests, in their registry",
    tree="vllm",
    parameters=(
        Parameter("architecture", "the name in `architectures` of config.json"),
        Parameter("module", "under vllm.model_executor.models, or a full dotted module path"),
        Parameter("class_name", "the class in that module"),
        Parameter("checkpoint", "the checkpoint on the Hugging Face Hub that tests use, such as trees/cedar-7b"),
        Parameter("category", "the registry's table, such as MULTIMODAL", "TEXT_GENERATION"),
    ),
    steps=(
        Step(
            "vllm-registry-entry",
            {**same("architecture", "module", "class_name"), "registry": "_{category}_MODELS"},
        ),
        Step(
            "vllm-test-registry-entry",
            {**same("architecture", "checkpoint"), "registry": "_{category}_EXAMPLE_MODELS"},
            only_with="tests/models/registry.py",
        ),
    ),
    examples=(
        TreeExample(
            _CEDAR_MODEL,
            {"vllm/model_executor/models/registry.py": _REGISTRY, "tests/models/registry.py": _TEST_REGISTRY},
            {
                "vllm/model_executor/models/registry.py": _REGISTRY[:-2] + _CEDAR_ENTRY + "}\n",
                "tests/models/registry.py": _TEST_REGISTRY[:-2] + _CEDAR_TEST_ENTRY + "}\n",
            },
        ),
        # The tree of a wheel has no tests.
        TreeExample(
            _CEDAR_MODEL,
            {"vllm/model_executor/models/registry.py": _REGISTRY},
            {"vllm/model_executor/models/registry.py": _REGISTRY[:-2] + _CEDAR_ENTRY + "}\n"},
        ),
    ),
)

_MKDOCS = "nav:\n  - index.md\n  - Models:\n      - tutorials/models/Birch.md\n"
_TITLES = 'TITLES = {\n    "tutorials/models/Birch.md": {"en": "Birch", "zh": "桦树"},\n}\n'
_TOCTREE = ":::{toctree}\n:maxdepth: 1\nBirch.md\n:::\n"
_INDEX = "docs/source/tutorials/models/index.md"

LIST_TUTORIAL = Recipe(
    name="list-tutorial",
    summary="list a model's tutorial in vllm-ascend's documentation: in the navigation with titles, or in the index",
    tree="vllm-ascend",
    parameters=(
        Parameter("tutorial", "the tutorial's file name below docs/source/tutorials/models, without .md"),
        Parameter("english", "the title on the English site", "{tutorial}"),
        Parameter("chinese", "the title on the Chinese site", "{tutorial}"),
    ),
    steps=(
        Step("mkdocs-nav-entry", {"page": "tutorials/models/{tutorial}.md"}, only_with="mkdocs.yml"),
        Step(
            "nav-title",
            {"page": "tutorials/models/{tutorial}.md", **same("english", "chinese")},
            only_with="docs/hooks/nav_titles.py",
        ),
        Step("toctree-entry", {"page": "{tutorial}.md"}, only_without="mkdocs.yml"),
    ),
    examples=(
        TreeExample(
            {"tutorial": "Cedar", "chinese": "雪松"},
            {"mkdocs.yml": _MKDOCS, "docs/hooks/nav_titles.py": _TITLES, _INDEX: "# Models\n"},
            {
                "mkdocs.yml": f"{_MKDOCS}      - tutorials/models/Cedar.md\n",
                "docs/hooks/nav_titles.py": _TITLES[:-2]
                + '    "tutorials/models/Cedar.md": {"en": "Cedar", "zh": "雪松"},\n}\n',
            },
        ),
        TreeExample(
            {"tutorial": "Cedar"},
            {_INDEX: _TOCTREE},
            {_INDEX: _TOCTREE.replace("Birch.md\n", "Birch.md\nCedar.md\n")},
        ),
    ),
)

_MODELS = "vllm_ascend/models/__init__.py"
_HOOKS = '# Licence of the trees.\n\n\ndef register():\n    return "trees"\n'
_SETUP = """\
setup(
    entry_points={
        "vllm.general_plugins": [
            "ascend_connector = vllm_ascend:register_connector",
        ],
    },
)
"""
_MODEL = {"architecture": "CedarForCausalLM", "module": "vllm_ascend.models.cedar", "class_name": "Cedar"}
_CALL = '    ModelRegistry.register_model("CedarForCausalLM", "vllm_ascend.models.cedar:Cedar")\n'
_ALDER = 'def register_model():\n    ModelRegistry.register_model("AlderForCausalLM", "trees:Alder")\n'

ADD_ASCEND_MODEL = Recipe(
    name="add-ascend-model",
    summary="register an out-of-tree model of vllm-ascend, adding the registration mechanism if the version has none",
    tree="vllm-ascend",
    parameters=(
        Parameter("architecture", "the name in `architectures` of config.json"),
        Parameter("module", "the dotted module, such as vllm_ascend.models.cedar"),
        Parameter("class_name", "the class in that module"),
    ),
    steps=(
        Step("ascend-model-hook", {}, only_without=_MODELS),
        Step(
            "ascend-entry-point",
            {"target": "vllm_ascend:register_model", "name": "ascend_model", "group": "vllm.general_plugins"},
            only_without=_MODELS,
        ),
        Step(
            "ascend-models-package",
            {**same("architecture", "module", "class_name"), "header_source": FileText("vllm_ascend/__init__.py")},
            only_without=_MODELS,
        ),
        Step("ascend-model-registration", same("architecture", "module", "class_name")),
    ),
    examples=(
        TreeExample(
            _MODEL,
            {"vllm_ascend/__init__.py": _HOOKS, "setup.py": _SETUP},
            {
                "vllm_ascend/__init__.py": _HOOKS
                + "\n\ndef register_model():\n    from .models import register_model\n\n    register_model()\n",
                "setup.py": _SETUP.replace(
                    "        ],", '            "ascend_model = vllm_ascend:register_model",\n        ],'
                ),
                _MODELS: "# Licence of the trees.\n\nfrom vllm import ModelRegistry\n\n\ndef register_model():\n"
                + _CALL,
            },
        ),
        TreeExample(_MODEL, {_MODELS: _ALDER}, {_MODELS: _ALDER + _CALL}),
    ),
)

RECIPES = (ADD_PATCH, REGISTER_MODEL, LIST_TUTORIAL, ADD_ASCEND_MODEL, RETIRE_PATCH, VENDOR_SYMBOLS)
