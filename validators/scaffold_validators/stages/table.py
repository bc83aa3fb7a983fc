"""All stages, in the order in which they are run and shown. Command line, gates, documents and sign-off read this."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from scaffold_validators.problem import Problem
from scaffold_validators.stages import conclude, parity, real, requests
from scaffold_validators.stages.capacity.run import run_capacity
from scaffold_validators.stages.features.run import run_features
from scaffold_validators.stages.stage import Asking, Counts, Stage, Start

NOTHING = Start("nothing: trees, names and shapes are read", weights="none")
TWIN = Start("a shrunken model, through transformers and the engine", weights="random")
DUMMY_SERVER = Start("vllm serve with random weights", weights="random", load_format="dummy")
SLICE_SERVER = Start("vllm serve with the checkpoint's first layers", weights="real", every_size=True)
FEATURE_SERVERS = Start("vllm serve with each feature switched on", weights="real")
CAPACITY_SERVERS = Start("vllm serve at growing lengths", weights="real")
LADDER_SERVERS = Start("vllm serve as it failed, with one thing changed", weights="real")
REAL_SERVER = Start("vllm serve with the checkpoint's weights", weights="real", every_size=True)

STATIC_STAGE = Stage(
    name="static",
    title="static (before any server)",
    starts=NOTHING,
    needs=(),
    proves="the class takes every tensor, the target has what its file uses, and no kernel is missing on an NPU",
    counts=Counts.IF_RUN,
    by_default=False,
)
TWIN_STAGE = Stage(
    name="twin",
    title="twin",
    starts=TWIN,
    needs=(),
    proves="the adapter's code computes what transformers computes",
    counts=Counts.IF_RUN,
)
LADDER_STAGE = Stage(
    name="ladder",
    title="ladder",
    starts=LADDER_SERVERS,
    needs=(),
    proves="of a failure, what it is about: the same again, eager, without tracing, text alone",
    counts=Counts.NOT,
    by_default=False,
)
PARITY_STAGE = Stage(
    name="parity",
    title="P (parity with transformers)",
    starts=REAL_SERVER,
    needs=("real",),
    proves="the same tokens get the log probabilities that transformers gives them, within the dtype's rounding",
    counts=Counts.IF_RUN,
    asking=Asking(parity.prepare, conclude.judge),
)
SLICE_STAGE = Stage(
    name="slice",
    title="S (parity of the first layers)",
    starts=SLICE_SERVER,
    needs=(),
    proves="as parity, on the checkpoint's first layers, every kind of them: for models whose reference does not fit",
    counts=Counts.IF_RUN,
    asking=Asking(parity.prepare, real.judge),
)
STAGES = (
    STATIC_STAGE,
    TWIN_STAGE,
    Stage(
        name="dummy",
        title="A (dummy)",
        starts=DUMMY_SERVER,
        needs=(),
        proves="architecture, operators and API work, on random weights",
        counts=Counts.NOT,
        asking=Asking(requests.prepare, conclude.judge),
    ),
    Stage(
        name="real",
        title="B (real)",
        starts=REAL_SERVER,
        needs=(),
        proves="the checkpoint's own weights load, and requests are answered",
        counts=Counts.REQUIRED,
        asking=Asking(requests.prepare, real.judge),
    ),
    PARITY_STAGE,
    SLICE_STAGE,
    Stage(
        name="features",
        title="features",
        starts=FEATURE_SERVERS,
        needs=(),
        proves="graphs, expert parallel, flashcomm1, MTP and pictures work, where the model has them",
        counts=Counts.NOT,
        running=run_features,
        by_default=False,
    ),
    Stage(
        name="capacity",
        title="capacity",
        starts=CAPACITY_SERVERS,
        needs=(),
        proves="how long sequences may be, and how many of them are served at once",
        counts=Counts.NOT,
        running=run_capacity,
        by_default=False,
    ),
    LADDER_STAGE,
)

PARITY_PROOFS = ((PARITY_STAGE,), (TWIN_STAGE, SLICE_STAGE))
"""Each shows that a model's code and its weights are right: the whole at once, or the code on the twin's random weights
and the weights on the slice. A commit needs one of them, or has to say why it has none."""


def gates(stages: Sequence[Stage] = STAGES) -> tuple[Stage, ...]:
    """Return the stages that start or ask a server, which is what ``scaffold validate`` runs."""
    return tuple(stage for stage in stages if stage.asking is not None or stage.running is not None)


def default_gates(stages: Sequence[Stage] = STAGES) -> tuple[Stage, ...]:
    """Return the stages that are run where nobody says which: those that a commit rests on, and what leads to them."""
    return tuple(stage for stage in gates(stages) if stage.by_default)


def stage_named(name: str, where: str = "the stages", stages: Sequence[Stage] = STAGES) -> Stage:
    """Return the row of a stage; ``where`` says where the name was found.

    Raises:
        Problem: there is no such stage (exit code 2).
    """
    for stage in stages:
        if stage.name == name:
            return stage
    raise Problem(
        f"a stage {name!r}",
        where=where,
        expected="one of " + ", ".join(stage.name for stage in stages),
        remedy="name one of these, or update this tool",
        exit_code=2,
    )


def with_needs(names: Iterable[str], stages: Sequence[Stage] = STAGES) -> tuple[Stage, ...]:
    """Return the stages of these names and those that they need, in the order of the table.

    Raises:
        Problem: there is no such stage (exit code 2).
    """
    wanted: set[str] = set()
    open_ = list(names)
    while open_:
        stage = stage_named(open_.pop(), stages=stages)
        wanted.add(stage.name)
        open_ += [need for need in stage.needs if need not in wanted]
    return tuple(stage for stage in stages if stage.name in wanted)


def position(name: str, stages: Sequence[Stage] = STAGES) -> int:
    """Return a stage's place in the order.

    Raises:
        Problem: there is no such stage (exit code 2).
    """
    return stages.index(stage_named(name, stages=stages))
