"""The outline of a tree's tutorials: headings and numbers of its own template, and what stands below each.

vllm-ascend keeps the template in ``docs/source/_templates`` since 0.18, and changes it with most releases. A heading
that no row of `BLOCKS` knows is kept, with the sentence that nothing was measured of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from scaffold.delivery.tutorial.headings import Heading, headings

UNMEASURED = "unmeasured"
DEEPEST = 3
"""Deeper headings without a number are those of a template's examples."""


@dataclass(frozen=True)
class Block:
    """What stands below a heading: a file of ``cookiecutter-model/templates/tutorial/sections``.

    Attributes:
        words: a heading with these words is its own; the first row counts.
        heading: where no heading of the template is its own: the words of one that takes it in, else a section for it.
        needed: whether every tutorial has it.
    """

    name: str
    words: str
    heading: str = ""
    needed: bool = False


BLOCKS = (
    Block("introduction", r"^introduction", "Introduction", needed=True),
    Block("features", r"(supported )?features?( matrix| list)?$", "Supported Features", needed=True),
    Block("weights", r"weights?( preparation)?( and hardware)?$", "Model Weight", needed=True),
    Block("communication", r"multi-?node communication", "", needed=False),
    Block("prerequisites", r"prerequisite|environment preparation"),
    Block("docker", r"docker|container", "Installation", needed=True),
    Block("from_source", r"source code|from source"),
    Block("installation", r"^installation$"),
    Block("disaggregated", r"\bpd\b|prefill|disaggregat|separation"),
    Block("single_node", r"single-?node", "Deployment", needed=True),
    Block("multi_node", r"multi-?node"),
    Block("special", r"special .*mode"),
    Block("deployment", r"deployment$"),
    Block("verification", r"functional verification|^verification", "Functional Verification", needed=True),
    Block("ais_bench", r"aisbench"),
    Block("lm_eval", r"evaluation harness|lm[_ -]eval", "Accuracy", needed=True),
    Block("accuracy", r"^accuracy"),
    Block("capacity", r"recommended config|best practice|reference config", "Performance", needed=True),
    Block("general_tuning", r"general tuning"),
    Block("model_tuning", r"optimi[sz]ation"),
    Block("tuning", r"tuning( guidelines?)?$"),
    Block("performance", r"^performance", "Performance", needed=True),
    Block("faq", r"faq", "FAQ", needed=True),
)
"""In the order in which a heading is looked up; what a page lacks is added in the order of `DEFAULT`."""
DEFAULT = """\
## Introduction
## Supported Features
## Environment Preparation
### Model Weight
### Verify Multi-node Communication
## Installation
## Deployment
### Single-node Deployment
### Multi-node Deployment
## Functional Verification
## Accuracy Evaluation
### Using AISBench
### Using Language Model Evaluation Harness
## Performance
## FAQ
"""
"""What tutorials of trees without a template have in common (0.11, 0.13)."""


@dataclass(frozen=True)
class Section:
    """A heading, and the names of the blocks below it."""

    heading: Heading
    blocks: tuple[str, ...]


def outline(template: str) -> tuple[Section, ...]:
    """Return the sections of a tutorial in the form of a template.

    Args:
        template: the tree's template of tutorials; empty for a tree without one.
    """
    found = [heading for heading in headings(template) if heading.level > 1]
    numbered = any(heading.number for heading in found)
    if len(found) < len(DEFAULT.splitlines()) // 2:
        found, numbered = list(headings(DEFAULT)), False
    sections, seen = list[Section](), set[str]()
    for heading in found:
        block = block_of(heading.title)
        if numbered and not heading.number and (block is None or heading.level > DEEPEST):
            continue  # a heading of its examples
        is_parent = bool(heading.number) and any(other.number.startswith(f"{heading.number}.") for other in found)
        if block is None or block.name in seen:  # a block stands below the first heading of its own
            sections.append(Section(heading, () if is_parent else (UNMEASURED,)))
        else:
            seen.add(block.name)
            sections.append(Section(heading, (block.name,)))
    return _complete(sections)


def block_of(title: str) -> Block | None:
    """Return the row of a heading's words, None where no row knows them."""
    return next((block for block in BLOCKS if re.search(block.words, title.lower())), None)


def _complete(sections: list[Section]) -> tuple[Section, ...]:
    """Return the sections with every block that each tutorial has."""
    for block in BLOCKS:
        if not block.needed or any(block.name in section.blocks for section in sections):
            continue
        home = next((i for i, s in enumerate(sections) if block.heading.lower() in s.heading.title.lower()), None)
        if home is None:
            sections.append(Section(Heading(2, _next_number(sections), block.heading), (block.name,)))
        else:
            kept = tuple(name for name in sections[home].blocks if name != UNMEASURED)
            sections[home] = replace(sections[home], blocks=(*kept, block.name))
    return tuple(sections)


def _next_number(sections: list[Section]) -> str:
    numbers = [int(s.heading.number) for s in sections if s.heading.number.isdigit()]
    return str(max(numbers) + 1) if numbers else ""
