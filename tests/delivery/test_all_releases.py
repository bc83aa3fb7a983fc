"""Every release of vllm-ascend that can be had: its configs, its templates, and our documents in its form."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from scaffold.checkpoint.read import read_checkpoint
from scaffold.delivery.config_form import config_form
from scaffold.delivery.config_schema import faults_of
from scaffold.delivery.documents import Delivery, delivery_context, document_paths, render_documents
from scaffold.delivery.layout import TEST_CONFIGS, detect
from scaffold.delivery.tutorial.form import tutorial_form
from scaffold.delivery.tutorial.headings import headings
from scaffold.delivery.tutorial.outline import BLOCKS
from scaffold.reading.from_source import read_from_source
from tests.lab.trees import ascend_source

pytestmark = pytest.mark.engine  # trees are fetched

NEEDED = {block.name for block in BLOCKS if block.needed}
RELEASES = {"0.13.0": 17, "0.18.0": 18, "0.23.0.post1": 22, "0.26.0rc1": 22, "0.28.0rc1": 22, "0.30.0rc2": 22}
"""Release → how many test configs it has."""


@pytest.mark.parametrize("release", RELEASES)
def test_documents_are_in_the_form_of_each_release(nova: Path, release: str) -> None:
    root = ascend_source(release)
    configs = sorted((root / TEST_CONFIGS).glob("*.yaml"))
    assert len(configs) == RELEASES[release]
    assert [fault for path in configs for fault in faults_of(path.read_text())] == []

    layout, form, read = detect(root), config_form(root), read_checkpoint(nova)
    tutorial = tutorial_form(root, layout)
    assert {name for section in tutorial.sections for name in section.blocks} >= NEEDED
    spec = read_from_source(read, None)
    forms = {"config_form": form, "tutorial_form": tutorial, "tutorials": layout.tutorials}
    values = delivery_context(Delivery("nova", read, spec, "native", layout.name, False, **forms))
    texts, (config, page) = render_documents("nova", values), document_paths("nova", values)
    theirs = [set(yaml.safe_load(path.read_text())) for path in configs]
    assert set(yaml.safe_load(texts[config])) <= set().union(*theirs)
    own = [heading.text for heading in headings(texts[page]) if heading.level > 1]
    assert own == [section.heading.text for section in tutorial.sections]
    for target in (part.split(")")[0].partition("#")[0] for part in texts[page].split("](")[1:]):
        assert target.startswith("https://") or (root / page.parent / target).is_file(), target
