"""``scaffold report``: what is known of a planned model, as report and runbook, or as a comment for its issue."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from scaffold.cli.output import Output, reporting
from scaffold.cli.report_page import write_page
from scaffold.cli.roots import DIRECTORY, Settings, name_option, python_option, work_option
from scaffold.common.errors import UsageError
from scaffold.common.names import model_name
from scaffold.evidence.gather import check_planned
from scaffold.report.files import write_documents
from scaffold.report.gather import gather_report
from scaffold.report.issue import GITHUB, Issue, parse_issue, post_comment
from scaffold.report.render import COMMENT, REPORT, RUNBOOK, render
from scaffold.report.value import Report
from scaffold.report.wording import LANGUAGES
from scaffold_validators.records import unstructure


@click.command("report")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option("--lang", type=click.Choice(LANGUAGES), help="The language (default: zh).")
@click.option(
    "--output", "folder", type=DIRECTORY, help="Where report.md and runbook.md go (default: the model's own folder)."
)
@click.option(
    "--html", "as_page", is_flag=True, help="Also write report.html: one self-contained page that needs no network."
)
@click.option(
    "--modeling",
    type=click.Path(path_type=Path),
    help="The model's source, for the page's weight map, if it is elsewhere.",
)
@python_option
@click.option("--comment", is_flag=True, help="Show the comment for the originating issue instead; write nothing.")
@click.option("--post", metavar="OWNER/REPO#N", help="Post that comment, once, with the token in GITHUB_TOKEN.")
@name_option
@work_option
@reporting
def command(output: Output, checkpoint: Path, comment: bool, post: str | None, as_page: bool, **given: Any) -> None:
    """Write report.md and runbook.md of the model that was planned for CHECKPOINT, in Chinese.

    They are handed over, not committed: without --output they go into the work directory, below .scaffold. Everything
    in them comes from records; what was not run is reported as not run.
    """
    settings = Settings(given)
    name, workspace = model_name(settings.get("name"), checkpoint), settings.workspace()
    language = settings.get("lang") or LANGUAGES[0]
    if language not in LANGUAGES:
        raise UsageError(str(language), where="lang", expected=" or ".join(LANGUAGES), remedy="correct it")
    writing = [option for option, asked in (("--output", given["folder"]), ("--html", as_page)) if asked]
    if (comment or post) and writing:
        raise UsageError(
            f"{writing[0]} together with --comment or --post",
            where="the call",
            expected="one of them: a comment is shown or posted, not written",
            remedy="leave one out",
        )
    issue = parse_issue(post) if post else None
    if not settings.get("name") and name not in workspace.planned() and not (checkpoint / "config.json").is_file():
        raise UsageError(
            "no config.json there" if checkpoint.is_dir() else "no such folder",
            where=str(checkpoint),
            expected="the checkpoint that was planned, or its --name",
            remedy="correct the path",
        )
    check_planned(workspace.record(name), checkpoint)
    report = gather_report(workspace, name)
    output.document({"name": name, "language": language, "report": unstructure(report)})
    if comment or post:
        _comment(output, render(COMMENT, report, language), issue)
        return
    folder = given["folder"] or workspace.folder / name
    _write(output, report, language, folder)
    if as_page:
        page = write_page(output, settings, report, language, folder)
        output.document({"page": str(page)})
        output.line(f"written: {page}")


def _write(output: Output, report: Report, language: str, folder: Path) -> None:
    """Write both documents.

    Raises:
        UsageError: somebody else's file is there, or the folder cannot be written to.
    """
    write_documents(folder, {document: render(document, report, language) for document in (REPORT, RUNBOOK)})
    output.document({"files": [str(folder / document) for document in (REPORT, RUNBOOK)]})
    for document in (REPORT, RUNBOOK):
        output.line(f"written: {folder / document}")


def _comment(output: Output, text: str, issue: Issue | None) -> None:
    """Show the comment, or post it where that is asked for."""
    output.document({"comment": text})
    if issue is None:
        output.line(text)
        return
    token, api = os.environ.get("GITHUB_TOKEN", "").strip(), os.environ.get("GITHUB_API_URL") or GITHUB
    output.progress(f"posting to {issue}")
    posted = post_comment(text, issue, token, api)
    output.document({"posted": posted.url, "is_new": posted.is_new})
    output.line(f"posted: {posted.url}" if posted.is_new else f"it is there already: {posted.url}")
