"""``scaffold report --html``: the report as one page to look at."""

from __future__ import annotations

from pathlib import Path

from scaffold.cli.output import Output
from scaffold.cli.roots import Settings
from scaffold.evidence.workspace import Workspace
from scaffold.report.files import write_documents
from scaffold.report.value import Report

PAGE = "report.html"


def write_page(output: Output, settings: Settings, report: Report, language: str, folder: Path) -> Path:
    """Write the page, and return where.

    Raises:
        UsageError: somebody else's file is there, or the folder cannot be written to.
        CheckpointError: the checkpoint cannot be read any more.
    """
    from scaffold.report.page.of_plan import weights_of_plan
    from scaffold.report.page.render import page

    engine = settings.engine()
    record = Workspace(Path(report.identity.work)).record(report.identity.name)
    output.progress("reading where each tensor goes")
    found = weights_of_plan(record, report.account, engine.transformers if engine else None, settings.path("modeling"))
    path = folder / PAGE
    write_documents(folder, {PAGE: page(report, found, language)})
    if found.why_no_rules:
        output.line(f"the page has tensors without rules: {found.why_no_rules}")
    return path
