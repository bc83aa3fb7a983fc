"""A tree's line length and Python, from its own settings."""

import subprocess
import sys
from pathlib import Path

import pytest

from codemods import Refusal, Style, style_of
from codemods.text.tree_style import DEFAULTS

DEFAULT = Style(77, (3, 9))
RUFF = "[tool.ruff]\nline-length = 100\n"


def tree_with(root: Path, files: dict[str, str]) -> Path:
    for name, text in {"a/b/module.py": "", **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root / "a/b/module.py"


@pytest.mark.parametrize(
    ("files", "line_length"),
    [
        ({}, 77),
        ({"pyproject.toml": RUFF}, 100),
        ({"pyproject.toml": "[tool.ruff]\n"}, 88),  # ruff's own
        ({"pyproject.toml": "[project]\nname = 'x'\n"}, 77),
        ({"ruff.toml": "line-length = 110\n", "pyproject.toml": RUFF}, 110),
        ({".ruff.toml": "line-length = 99\n", "ruff.toml": "line-length = 110\n"}, 99),
        ({"pyproject.toml": RUFF, "a/ruff.toml": "line-length = 60\n"}, 60),  # the nearest
        ({"pyproject.toml": RUFF, "a/pyproject.toml": "[project]\nname = 'x'\n"}, 100),  # not ruff's settings
        ({"pyproject.toml": RUFF, "a/ruff.toml": 'extend = "../pyproject.toml"\n'}, 100),
        ({"pyproject.toml": RUFF, "a/ruff.toml": 'extend = "../pyproject.toml"\nline-length = 64\n'}, 64),
        ({"pyproject.toml": "[tool.black]\nline-length = 96\n"}, 96),
        ({"pyproject.toml": "[tool.black]\n"}, 88),
        ({"pyproject.toml": "[tool.black]\nline-length = 96\n", "ruff.toml": "line-length = 70\n"}, 70),
        ({"setup.cfg": "[flake8]\nmax-line-length = 79\n"}, 79),
        ({"setup.cfg": "[pycodestyle]\nmax-line-length = 90\n"}, 90),
        ({"setup.cfg": "[flake8]\nmax-line-length = 79\n", "pyproject.toml": RUFF}, 100),
    ],
)
def test_the_line_length_is_what_the_nearest_settings_say(tmp_path, files, line_length):
    assert style_of(tree_with(tmp_path, files), DEFAULT, tmp_path).line_length == line_length


@pytest.mark.parametrize(
    ("files", "python"),
    [
        ({}, (3, 9)),
        ({"pyproject.toml": '[tool.ruff]\ntarget-version = "py311"\n[project]\nrequires-python = ">=3.10"\n'}, (3, 11)),
        ({"pyproject.toml": '[project]\nrequires-python = ">=3.11,<3.15"\n'}, (3, 11)),
        ({"pyproject.toml": '[project]\nrequires-python = "~=3.12"\n'}, (3, 12)),
        ({"setup.cfg": "[options]\npython_requires = >=3.8\n"}, (3, 8)),
        ({"setup.py": 'setup(name="x", python_requires=">=3.10")\n'}, (3, 10)),
        ({"setup.py": "setup(python_requires=OLDEST)\n"}, (3, 9)),
        ({"setup.py": "print 'python 2'\n"}, (3, 9)),
    ],
)
def test_the_python_is_the_oldest_that_the_tree_runs_on(tmp_path, files, python):
    assert style_of(tree_with(tmp_path, files), DEFAULT, tmp_path).python == python


def test_settings_above_the_tree_are_not_its_own(tmp_path):
    file = tree_with(tmp_path, {"pyproject.toml": RUFF})
    assert style_of(file, DEFAULT, tmp_path / "a") == DEFAULT
    (tmp_path / "a/.git").mkdir()
    assert style_of(file, DEFAULT) == DEFAULT


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"pyproject.toml": "[tool.ruff\n"}, r"pyproject\.toml: .*repair the file"),
        ({"ruff.toml": "line-length = '88'\n"}, r"the line length '88'; expected a whole number from 1 to 320"),
        ({"ruff.toml": "line-length = 0\n"}, "the line length 0"),
        ({"ruff.toml": "extend = 'none.toml'\n"}, r"`extend` names .*none\.toml"),
        ({"ruff.toml": "extend = 'ruff.toml'\n"}, "leads back"),
        ({"setup.cfg": "[flake8\n"}, r"setup\.cfg"),
        ({"setup.cfg": "[flake8]\nmax-line-length = wide\n"}, "the line length 'wide'"),
    ],
)
def test_settings_that_cannot_be_read_are_refused_by_name(tmp_path, files, message):
    with pytest.raises(Refusal, match=message):
        style_of(tree_with(tmp_path, files), DEFAULT, tmp_path)


def test_it_says_what_ruff_says(tmp_path):
    """A statement is broken by ruff exactly where the line length that was found says so."""
    files = {"pyproject.toml": RUFF, "a/ruff.toml": 'extend = "../pyproject.toml"\n'}
    file = tree_with(tmp_path, files)
    width = style_of(file, DEFAULT, tmp_path).line_length
    for excess, lines in ((0, 1), (1, 3)):
        file.write_text(f"value = function({'x' * (width + excess - len('value = function()'))})\n")
        subprocess.run([sys.executable, "-m", "ruff", "format", "--no-cache", "-q", file], check=True, cwd=tmp_path)
        assert len(file.read_text().splitlines()) == lines


def test_real_trees_say_it_themselves(vllm_source, ascend_source):
    models = vllm_source / "vllm/model_executor/models/registry.py"
    assert style_of(models, DEFAULT, vllm_source) == Style(88, (3, 11))
    assert style_of(ascend_source / "vllm_ascend/models/__init__.py", DEFAULT, ascend_source) == Style(120, (3, 10))
    assert style_of(models, DEFAULT, vllm_source).line_length == DEFAULTS["vllm"].line_length
