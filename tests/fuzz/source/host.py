"""What of this process modeling source must not change: the names of modules and of types, and what they stand for."""

from __future__ import annotations

import ast
import builtins
import functools
import itertools
import json
import math
import operator
import os
import random
import re
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np

MODULES = (ast, builtins, functools, itertools, json, math, operator, os, random, re, sys, types, np, np.linalg)
TYPES = (int, float, str, bytes, list, dict, tuple, set, object, type, Path, np.ndarray, np.dtype, np.float64)
OWN = "scaffold.source"
CHANGES = frozenset({"last_type", "last_value", "last_traceback", "last_exc", "__warningregistry__"})
"""What Python itself sets, at an error or a warning."""

Picture = dict[str, dict[str, int]]
"""Module or type → name → identity of what it stands for."""


def picture() -> Picture:
    """Return what modules and types hold now: those of the host's libraries, and of the interpreter itself."""
    modules = [*MODULES, *(module for name, module in sys.modules.items() if name.startswith(OWN))]
    return {f"{type(one).__name__} {one.__name__}": _names(one) for one in (*modules, *TYPES)}


def changed(before: Picture) -> list[str]:
    """Return what is no longer as it was. Modules that were imported meanwhile are no change."""
    now = picture()
    return [
        f"{holder}.{name}"
        for holder, names in before.items()
        for name in sorted(names.keys() | now[holder].keys())
        if names.get(name) != now[holder].get(name) and not _is_submodule(holder, name)
    ]


def _names(holder: Any) -> dict[str, int]:
    return {name: id(value) for name, value in list(vars(holder).items()) if name not in CHANGES}


def _is_submodule(holder: str, name: str) -> bool:
    """Return whether a name was added by the import of a module inside of a package."""
    return f"{holder.partition(' ')[2]}.{name}" in sys.modules
