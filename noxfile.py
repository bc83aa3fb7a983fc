"""The fast tests on every Python that the tool claims, with the newest and the lowest versions of what it needs.

``make test-pythons`` runs all sessions; ``nox --session newest-3.12`` one of them. Environments are made by uv, afresh
each time, so that *newest* is what a user gets who installs today.
"""

from __future__ import annotations

import os

import nox

from tests.lab.pythons import CLAIMED, interpreters, missing

FAST = ("-m", "not engine")
FOUND = interpreters()

nox.options.default_venv_backend = "uv"
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = False
nox.options.stop_on_first_error = False
nox.options.sessions = ("newest", "lowest", "found")
os.environ["UV_PYTHON_DOWNLOADS"] = "never"
# pyenv's stand-ins for versions that are not switched on come first on many paths, and do not start.
os.environ["PATH"] = os.pathsep.join([*(str(path.parent) for path in FOUND.values()), os.environ["PATH"]])


@nox.session(python=CLAIMED)
def newest(session: nox.Session) -> None:
    """The fast tests with the newest version of each package that this Python has."""
    session.install("--resolution", "highest", "--editable", ".[dev]")
    _fast_tests(session)


@nox.session(python=next(iter(FOUND), CLAIMED[0]))
def lowest(session: nox.Session) -> None:
    """The fast tests with the lowest versions that pyproject.toml allows, on the oldest Python at hand."""
    session.install("--resolution", "lowest-direct", "--editable", ".[dev]")
    _fast_tests(session)


@nox.session(python=False)
def found(session: nox.Session) -> None:
    """Say which Pythons the machine has, and which of those that the tool claims it lacks."""
    for release, path in FOUND.items():
        session.log(f"Python {release}: {path}")
    lacking = missing(FOUND)
    session.log(f"not on this machine, and not tested: Python {', '.join(lacking)}" if lacking else "none is missing")


def _fast_tests(session: nox.Session) -> None:
    session.run("python", "-m", "pytest", *FAST, *session.posargs)
