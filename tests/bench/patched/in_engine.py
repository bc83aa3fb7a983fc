"""Run by the engine's Python: applies each patch in a fork of a process that imported vLLM, and says what changed.

``in_engine.py COUNT < JOBS > ANSWERS``: ``first`` are the modules to import before anything is patched, ``jobs`` a list
of ``module``, ``path``, ``kind``, ``text``, ``holders``; an answer is one JSON line for each until ``COUNT`` of them
could be applied. Patches are the codemod's own text.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import inspect
import io
import json
import os
import sys
import traceback
import types

NAME = "vllm_ascend.patch.worker.patch_sampled"


def import_quietly(module):
    """Import a module, whatever it does; return whether it is there.

    One that ends the process (a C extension for another machine, loaded beside this machine's) ends a fork alone.
    """
    if module in sys.modules:
        return True
    child = os.fork()
    if not child:
        _import(module)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        return False
    _import(module)
    return module in sys.modules


def _import(module):
    """Import a module, whatever it does."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            importlib.import_module(module)
        except BaseException:  # a kernel library that is not here may end in anything
            return


def snapshot():
    """Return (place, name) → object for the globals of vLLM's modules and the dictionaries of their classes."""
    found = {}
    for name, module in list(sys.modules.items()):
        if not name.startswith("vllm") or not isinstance(module, types.ModuleType):
            continue
        for key, value in list(vars(module).items()):
            found[name, key] = value
            if isinstance(value, type) and value.__module__ == name:
                for member, inner in list(vars(value).items()):
                    found[f"{name}:{value.__qualname__}", member] = inner
    return found


def bare(value):
    """Return the function in a static method, class method or property."""
    if isinstance(value, staticmethod | classmethod):
        return value.__func__
    return value.fget if isinstance(value, property) else value


def look(job, before):
    """Apply one patch and return what is wrong, an empty list if nothing is."""
    module = sys.modules[job["module"]]
    owner, _, name = job["path"].rpartition(".")
    where = getattr(module, owner) if owner else module
    raw = vars(where)[name]
    original = bare(raw)
    modules = set(sys.modules)
    patch = types.ModuleType(NAME)
    sys.modules[NAME] = patch
    try:
        exec(compile(job["text"], "patch_sampled.py", "exec"), vars(patch))
    except Exception as error:
        return [f"the patch fails: {type(error).__name__}: {error}", traceback.format_exc()[-600:]]
    new = bare(vars(where)[name])
    wrong = [] if new is not original else ["the target is as it was"]
    more = {m for m in set(sys.modules) - modules - {NAME} if m.startswith("vllm")}
    wrong += [f"imports {m}" for m in sorted(more)]
    after = snapshot()
    for key in before.keys() | after.keys():
        place = key[0].split(":")[0]
        is_own_class = job["kind"] == "class" and key[0] == f"{job['module']}:{job['path']}"
        if place == NAME or place in more or is_own_class:
            continue
        old, now = before.get(key), after.get(key)
        if old is not now and bare(old) is not original:
            wrong.append(f"changed too: {key}")
        if now is not None and bare(now) is original:
            wrong.append(f"still the original: {key}")
    if job["kind"] != "class":
        wrong += kept(
            original,
            patch,
            {id(vars(m)) for m in list(sys.modules.values()) if hasattr(m, "__dict__")} | {id(before), id(after)},
        )
        wrong += signatures(original, new)
    else:
        wrong += [
            f"a subclass keeps the original: {c}"
            for c in original.__subclasses__()
            if c is not new and c.__module__ != NAME
        ]
    late = [(m, n) for m, n in job["holders"] if m not in sys.modules][:2]
    for holder, attribute in late:
        if import_quietly(holder) and bare(getattr(sys.modules[holder], attribute, new)) is not new:
            wrong.append(f"imported later, has the original: {holder}.{attribute}")
    return wrong


def kept(original, patch, dictionaries):
    """Return what else holds the original: a table, a partial function, a closure of somebody else.

    What a module that could not be imported left behind is none: nobody calls it.
    """
    own = {id(vars(patch)), *(id(value) for value in vars(patch).values())}
    found = []
    for holder in gc.get_referrers(original):
        if id(holder) in own or id(holder) in dictionaries:
            continue
        if isinstance(holder, list | tuple | set | functools.partial | types.MethodType | types.CellType):
            found.append(f"kept by a {type(holder).__name__}: {str(holder)[:200]}")
        elif isinstance(holder, dict) and not {"__module__", "__wrapped__", "__loader__"} & holder.keys():
            found.append(f"kept by a dict: {sorted(map(str, holder))[:4]}")
    return found


def signatures(original, new):
    """Return how the parameters of two functions differ."""
    try:
        one, two = (inspect.signature(f, follow_wrapped=False).parameters for f in (original, new))
    except (TypeError, ValueError):
        return []
    if {p.kind for p in one.values()} == {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}:
        return []  # a decorator's own: the patch calls what it decorates with the parameters of that
    same = [(p.name, p.kind, repr(p.default)) for p in one.values()] == [
        (p.name, p.kind, repr(p.default)) for p in two.values()
    ]
    return [] if same else [f"takes {list(one)}, now {list(two)}"]


def main():
    """Answer all jobs."""
    count, out = int(sys.argv[1]), os.dup(1)
    os.dup2(2, 1)
    given = json.load(sys.stdin)
    jobs = given["jobs"]
    for module in given["first"]:
        import_quietly(module)
    modules = {job["module"] for job in jobs}
    there = {module for module in sorted(modules) if import_quietly(module)}
    ready = [job for job in jobs if job["module"] in there][:count]
    before = snapshot()
    gc.collect()
    with os.fdopen(out, "w") as answers:
        left = [job for job in jobs if job["module"] not in sys.modules]
        answers.write(json.dumps({"not importable": len(left), "modules": len(before)}) + "\n")
        for job in ready:
            answers.flush()
            reader, writer = os.pipe()
            child = os.fork()
            if not child:
                try:
                    wrong = look(job, before)
                except BaseException as error:
                    wrong = [f"{type(error).__name__}: {error}", traceback.format_exc()[-600:]]
                with os.fdopen(writer, "w") as pipe:
                    json.dump({"module": job["module"], "path": job["path"], "wrong": sorted(wrong)[:8]}, pipe)
                os._exit(0)
            os.close(writer)
            with os.fdopen(reader) as pipe:
                line = pipe.read()
            os.waitpid(child, 0)
            ended = {"module": job["module"], "path": job["path"], "wrong": ["the process ended"]}
            answers.write((line or json.dumps(ended)) + "\n")


if __name__ == "__main__":
    main()
