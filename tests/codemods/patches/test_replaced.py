"""A patch, run: every caller has the new function, whichever way it came to the old one, and nothing else changed."""

import importlib
import sys
from pathlib import Path

import pytest

from codemods import Refusal, find_codemod
from codemods.uses.hidden import is_hidden
from codemods.uses.package import read_package
from codemods.uses.replaced import holders
from codemods.vllm_ascend.worker_patch import replaces_same
from tests.rows import each

FILES = {
    "__init__.py": "from .core import grow\nfrom .grown import grown\nfrom .named import *\nfrom .private import *\n"
    "from . import shown\n",
    "private.py": "from .core import grow as shown\n\n__all__ = []\n",
    "grown.py": "def grown():\n    return 1\n",
    "plant.py": "def sown():\n    return 1\n",
    "shown.py": "def shown_too():\n    return 1\n",
    "core.py": (
        "import functools\nfrom abc import abstractmethod\nfrom typing import Protocol\n\n"
        "def grow(n: int = 1, *, to=None):\n    return n\n\nalso = grow\n\n"
        "def table_kept():\n    return 1\n\nTABLE = {'x': table_kept}\n\n"
        "def default_kept():\n    return 1\n\ndef user(f=default_kept):\n    return f()\n\n"
        "def decorates(f):\n    return f\n\n@decorates\ndef decorated():\n    return 1\n\n"
        "def called_early():\n    return 1\n\nVALUE = called_early()\n\n"
        "def called_both():\n    return 1\n\nOTHER = called_both()\n\ndef later():\n    return called_both()\n\n"
        "@functools.cache\ndef cached():\n    return 1\n\n"
        "class Tree:\n    def rings(self, n=1):\n        return n\n\n    rounds = rings\n\n"
        "    @staticmethod\n    def age(n):\n        return n\n\n"
        "    @classmethod\n    def name(cls):\n        return 'tree'\n\n"
        "    @property\n    def width(self):\n        return 1\n\n"
        "    @abstractmethod\n    def fall(self):\n        ...\n\n"
        "    def __new__(cls):\n        return super().__new__(cls)\n\n"
        "    def __init_subclass__(cls):\n        pass\n\n    def __secret(self):\n        pass\n\n"
        "    def made(self):\n        return 1\n\n    shown = property(made)\n\n"
        "class Shape(Protocol):\n    def area(self):\n        ...\n\n"
        "class Base:\n    pass\n\nclass Derived(Base):\n    pass\n\n"
        "class Leaf:\n    def __init__(self):\n        self.n = 1\n\n"
        "class Named:\n    def f(self):\n        return super(Named, self).__init__()\n\n"
        "class Keeper:\n    def __init__(self, table):\n        table.append(self.given)\n        self.hand()\n\n"
        "    def hand(self):\n        LATER.append(self.handed)\n\n"
        "    def late(self):\n        LATER.append(self.waiting)\n\n"
        "    def given(self):\n        return 1\n\n    def handed(self):\n        return 1\n\n"
        "    def waiting(self):\n        return 1\n\n"
        "LATER = []\n\ndef register():\n    return Keeper(LATER)\n\nKEEPER = register()\n\n"
        "def wraps(f):\n    def wrapper():\n        LATER.append(in_wrapper)\n\n    return wrapper\n\n"
        "def making(n):\n    def decorates(f):\n        LATER.append(in_maker)\n\n    return decorates\n\n"
        "def in_wrapper():\n    return 1\n\ndef in_maker():\n    return 1\n\n"
        "@wraps\n@making(1)\ndef wrapped():\n    return 1\n\n"
        "def if_missing():\n    return 1\n\n"
        "try:\n    import no_such_kernels\nexcept ImportError:\n    def stand_in():\n"
        "        LATER.append(if_missing)\n\n    stand_in()\n\n"
        "def run_alone():\n    return 1\n\ndef in_cell():\n    return 1\n\ndef in_late_cell():\n    return 1\n\n"
        "def twice():\n    return 1\n\ntwice = later\n"
    ),
    "named.py": (
        "from .core import grow as plant, Leaf\nfrom . import grow\n\n"
        "def use():\n    return plant(3)\n\ndef leaf():\n    return Leaf()\n"
    ),
    "starred.py": "from .core import *\n\ndef use():\n    return grow(3)\n",
    "through.py": "from .named import plant\n\ndef use():\n    return plant(3)\n",
    "lazy.py": "def use():\n    from .core import grow\n    return grow(3)\n",
    "dotted.py": "from . import core\n\ndef use():\n    return core.grow(3)\n",
    "typed.py": "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from .core import grow\n",
    "closes.py": (
        "def closing():\n    from .core import in_cell, in_late_cell\n\n"
        "    class Made:\n        def use(self):\n            return in_cell()\n\n    return Made\n\n"
        "def outer():\n    return closing()\n\nMade = outer()\n\n"
        "def later():\n    from .core import in_late_cell\n\n    return lambda: in_late_cell()\n"
    ),
    "script.py": (
        "from .core import run_alone\n\nKEPT = []\n\ndef main():\n    KEPT.append(run_alone)\n\n"
        "if __name__ == '__main__':\n    main()\n"
    ),
    "late.py": "from .core import grow\n\ndef use():\n    return grow(3)\n",
}
USERS = ("named", "starred", "through", "lazy", "dotted")


@pytest.fixture
def grove(tmp_path, monkeypatch):
    """A package in the path of this process, gone after the test."""
    for name, text in FILES.items():
        path = tmp_path / "grove" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] == "grove"]:
        del sys.modules[name]


def patch_of(tree: Path, path: str, **arguments: str) -> str:
    found = holders(read_package(tree, "grove"), "grove.core", path)
    return find_codemod("ascend-worker-patch").run(
        "",
        {
            "module": "patch_core",
            "target": f"grove.core.{path}",
            "source": (tree / "grove/core.py").read_text(),
            "header_source": "",
            "importers": "".join(f"{holder.module} {holder.name}\n" for holder in found),
            **arguments,
        },
    )


def test_every_caller_has_the_new_function_and_nothing_else_changes(grove):
    modules = {name: importlib.import_module(f"grove.{name}") for name in USERS}
    before = {name: dict(vars(module)) for name, module in modules.items()}
    text = patch_of(grove, "grow").replace("return _original_grow(n, to=to)", "return 100 * _original_grow(n, to=to)")
    original = sys.modules["grove.core"].grow
    exec(compile(text, "patch", "exec"), {})
    assert [modules[name].use() for name in USERS] == [300] * len(USERS)
    assert sys.modules["grove.core"].also(3) == 300
    assert importlib.import_module("grove.late").use() == 300
    assert "grove.typed" not in sys.modules
    for name, module in modules.items():
        changed = {key for key, value in vars(module).items() if before[name].get(key) is not value}
        assert all(before[name][key] is original for key in changed)


@pytest.mark.parametrize(
    ("path", "ask", "answer"),
    [
        ("Tree.rings", lambda tree: (tree().rings(4), tree().rounds(4)), (400, 400)),
        ("Tree.age", lambda tree: tree.age(4), 400),
        ("Tree.width", lambda tree: tree().width, 100),
    ],
)
def test_a_method_is_replaced_as_what_it_is_under_all_its_names(grove, path, ask, answer):
    core = importlib.import_module("grove.core")
    core.Tree.__abstractmethods__ = frozenset()
    exec(compile(patch_of(grove, path).replace("return _orig", "return 100 * _orig"), "patch", "exec"), {})
    assert ask(core.Tree) == answer


def test_a_class_is_replaced_by_a_subclass_wherever_it_is_made(grove):
    named = importlib.import_module("grove.named")
    text = patch_of(grove, "Leaf")
    exec(compile(text, "patch", "exec"), {"__name__": "patch"})
    assert type(named.leaf()).__name__ == "AscendLeaf"
    assert named.leaf().n == 1


def test_what_is_named_takes_the_place(grove):
    named = importlib.import_module("grove.named")
    text = patch_of(grove, "grow", replacement="operator.neg")
    assert "def " not in text
    exec(compile(text, "patch", "exec"), {})
    assert named.use() == -3


@pytest.mark.parametrize(
    ("path", "because"),
    [
        ("table_kept", "in a table"),
        ("default_kept", "in a table, a default"),
        ("decorates", "decorates others"),
        ("decorated", "of which it is not known"),
        ("called_early", "comes too late"),
        ("cached", "cached"),
        ("twice", "another value"),
        ("Tree.fall", "abstract"),
        ("Tree.__new__", "called by the class itself"),
        ("Tree.__init_subclass__", "when classes are made"),
        ("Tree.__secret", "private"),
        ("Tree.made", "under another form"),
        ("in_cell", "is kept elsewhere"),
        ("in_maker", "is kept elsewhere"),
        ("Keeper.given", "is kept elsewhere"),
        ("Keeper.handed", "is kept elsewhere"),
        ("Shape.area", "protocol"),
        ("Base", "base class of others"),
        ("Tree", "a class with `__"),
        ("Named", "super(Named, …)"),
    ],
)
def test_what_a_replacement_does_not_reach_is_refused_with_the_reason(grove, path, because):
    with pytest.raises(Refusal, match=r".") as refusal:
        patch_of(grove, path)
    assert because in str(refusal.value)


def test_what_is_kept_by_what_is_made_after_the_import_can_be_replaced(grove):
    closes, core = (importlib.import_module(f"grove.{name}") for name in ("closes", "core"))
    for path in ("in_late_cell", "Keeper.waiting"):
        original = f"_original_{path.rpartition('.')[2]}("
        exec(
            compile(patch_of(grove, path).replace(f"return {original}", f"return 1 + {original}"), "patch", "exec"), {}
        )
    core.KEEPER.late()
    assert (closes.later()(), core.LATER[-1]()) == (2, 2)


@pytest.mark.parametrize("name", ["run_alone", "in_wrapper", "if_missing"])
def test_what_runs_only_later_or_on_some_machines_keeps_nothing(grove, name):
    assert f"_original_{name}" in patch_of(grove, name)


@pytest.mark.parametrize(
    ("module", "name", "hidden"), [("grown", "grown", True), ("plant", "sown", True), ("shown", "shown_too", False)]
)
def test_a_module_that_its_package_hides_behind_something_else_is_patched(grove, module, name, hidden):
    package = read_package(grove, "grove")
    assert is_hidden(package, f"grove.{module}") is hidden
    text = patch_of(
        grove,
        "grow",
        target=f"grove.{module}.{name}",
        source=FILES[f"{module}.py"],
        importers="".join(f"{one.module} {one.name}\n" for one in holders(package, f"grove.{module}", name)),
        hidden="yes" if hidden else "",
    )
    importlib.import_module("grove")
    exec(compile(text.replace("return _original", "return 1 + _original"), "patch", "exec"), {})
    assert vars(sys.modules[f"grove.{module}"])[name]() == 2
    assert module != "grown" or sys.modules["grove"].grown() == 2
    assert replaces_same(text, text)


def test_a_function_that_is_called_early_and_later_can_be_replaced(grove):
    assert "core.called_both = _ascend_called_both" in patch_of(grove, "called_both")


@each(
    ("decorator", "because"),
    [
        ("triton.jit", "compiled kernel"),
        ("triton.autotune(configs=[])", "compiled kernel"),
        ("lru_cache(maxsize=None)", "cached"),
        ('field_validator("x")', "pydantic"),
        ('router.post("/x")', "route"),
        ("width.setter", "accessor"),
    ],
)
def test_what_decorators_make_is_refused_with_the_reason(decorator, because):
    arguments = {"module": "patch_x", "target": "vllm.x.f", "source": f"@{decorator}\ndef f(a):\n    return a\n"}
    with pytest.raises(Refusal, match=because):
        find_codemod("ascend-worker-patch").run("", {**arguments, "header_source": ""})


@pytest.mark.parametrize("decorator", ["contextmanager", "torch.inference_mode()", "torch.no_grad()", "override"])
def test_decorators_that_only_call_are_no_reason(decorator):
    arguments = {"module": "patch_x", "target": "vllm.x.f", "source": f"@{decorator}\ndef f(a):\n    return a\n"}
    assert "x.f = _ascend_f" in find_codemod("ascend-worker-patch").run("", {**arguments, "header_source": ""})
