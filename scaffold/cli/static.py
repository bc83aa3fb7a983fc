"""What ``scaffold validate --stage static`` says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scaffold.ascend.compatibility import Compatibility
from scaffold.ascend.fate import Kernel, Outcome
from scaffold.ascend.trees import Site
from scaffold.cli.output import Output
from scaffold.running.static import StaticReport

HEADINGS = {
    Outcome.REPLACED: "replaced by vllm-ascend",
    Outcome.NATIVE: "not called: vLLM's own dispatch runs PyTorch code (runs as it is)",
    Outcome.TRITON: "Triton: to be verified on the device",
    Outcome.CUDA_ONLY: "CUDA-only",
}
SHOWN = 12


def show_static(output: Output, report: StaticReport, everything: bool) -> None:
    """Show what the stage found: tables, and the document."""
    output.line(f"{report.architecture} is served by {report.serving.shown}")
    for reason in report.weights.against:
        output.line(f"weights: {reason}")
    for note in report.weights.notes:
        output.line(f"weights, left to a server: {note}")
    for found in report.code:
        output.line(f"code: {found}")
    if report.compatibility is None:
        output.line("kernels: not looked at, as no vllm-ascend tree was given (--vllm-ascend)")
    else:
        _kernels(output, report.compatibility, report.trees, everything)
        _generation(output, report, report.compatibility)
    for allowed in sorted(map(str, set(report.found) - set(report.stops))):
        output.line(f"allowed: {allowed}")
    output.line(f"stage static: {report.verdict}")
    for stop in report.stops:
        output.line(f"  stops here: {stop}")
    output.document({"static": document(report)})


def _generation(output: Output, report: StaticReport, found: Compatibility) -> None:
    """Show what is to be known of the generation of NPUs that serves."""
    if report.quantisation is not None:
        answer = report.quantisation
        output.line(f"on {answer.device}, quantised weights: {answer.path}: {answer.why} ({answer.source})")
    for limited in found.limits:
        only_if = f", if {limited.only_if}" if limited.only_if else ""
        output.line(f"on {found.soc.name}: {limited.limit.meaning} ({limited.site.shown(*report.trees)}){only_if}")


def _kernels(output: Output, found: Compatibility, trees: tuple[Path, ...], everything: bool) -> None:
    for outcome in reversed(Outcome):
        kernels = found.of(outcome)
        shown = kernels if everything or outcome in (Outcome.CUDA_ONLY, Outcome.TRITON) else kernels[:SHOWN]
        rows = [_row(kernel, trees) for kernel in shown]
        if rows:
            more = f" (the first {SHOWN} of {len(kernels)}; all of them with --verbose)" if shown != kernels else ""
            output.table(f"{HEADINGS[outcome]}{more}", ("kernel", "kind", "called at", "by", "where", "only if"), rows)
    layers = [(layer.what, layer.by, layer.by_site.shown(*trees), layer.only_if) for layer in found.layers]
    _table(output, "out-of-tree layers", ("layer", "built instead", "where", "only if"), layers)
    native = [(name, site.shown(*trees)) for name, site in found.native_layers]
    _table(output, "layers that run their PyTorch code", ("method", "where"), native if everything else native[:SHOWN])
    backends = [(name, site.shown(*trees)) for name, site in found.backends]
    _table(output, "attention backends to choose from", ("backend", "chosen at"), backends)
    patches = [
        (
            p.target,
            p.site.shown(*trees),
            p.there.shown(*trees) if p.there else "not in this vLLM: it is added",
            p.only_if,
        )
        for p in found.patches
    ]
    _table(output, "patches of modules that the model uses", ("target", "patch", "in vLLM", "only if"), patches)
    lost = [(item.call, item.why, item.site.shown(*trees)) for item in found.not_followed]
    _table(output, "not followed", ("call", "what it calls", "where"), lost)


def _row(kernel: Kernel, trees: tuple[Path, ...]) -> tuple[str, ...]:
    more = f" (+{len(kernel.sites) - 1})" if len(kernel.sites) > 1 else ""
    where = kernel.by_site.shown(*trees) if kernel.by_site else ""
    return kernel.name, kernel.kind, kernel.sites[0].shown(*trees) + more, kernel.by, where, kernel.only_if


def _table(output: Output, title: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    if rows:
        output.table(title, columns, rows)


def document(report: StaticReport) -> Mapping[str, Any]:
    """Return the report as JSON has it."""
    found, trees = report.compatibility, report.trees
    return {
        "verdict": report.verdict,
        "stops": [str(stop) for stop in report.stops],
        "allowed": sorted({stop.id for stop in report.found} - {stop.id for stop in report.stops}),
        "architecture": report.architecture,
        "served_by": report.serving.shown,
        "weights": {"against": list(report.weights.against), "notes": list(report.weights.notes)},
        "code": list(report.code),
        "kernels": None if found is None else [_kernel(kernel, trees) for kernel in found.kernels],
        **({} if found is None else _around(found, trees)),
    }


def _kernel(kernel: Kernel, trees: tuple[Path, ...]) -> Mapping[str, Any]:
    return {
        "outcome": kernel.outcome.value,
        "kind": kernel.kind,
        "name": kernel.name,
        "called_by": kernel.tree,
        "sites": [site.shown(*trees) for site in kernel.sites],
        "by": kernel.by,
        "by_site": _shown(kernel.by_site, trees),
        "only_if": kernel.only_if,
        "condition": _shown(kernel.condition, trees),
        "path": [f"{called} ({site.shown(*trees)})" for called, site in kernel.path],
    }


def _around(found: Compatibility, trees: tuple[Path, ...]) -> Mapping[str, Any]:
    return {
        "vllm_version": found.vllm_version,
        "soc": found.soc.name,
        "limits": [
            {
                "meaning": limited.limit.meaning,
                "site": limited.site.shown(*trees),
                "only_if": limited.only_if,
                "stops": limited.stops,
            }
            for limited in found.limits
        ],
        "layers": [
            {
                "layer": i.what,
                "by": i.by,
                "site": i.site.shown(*trees),
                "by_site": i.by_site.shown(*trees),
                "only_if": i.only_if,
            }
            for i in found.layers
        ],
        "native_layers": [{"method": name, "site": site.shown(*trees)} for name, site in found.native_layers],
        "attention_backends": [{"backend": name, "site": site.shown(*trees)} for name, site in found.backends],
        "ascend_operators": [{"name": name, "site": site.shown(*trees)} for name, site in found.operators],
        "patches": [
            {
                "target": patch.target,
                "site": patch.site.shown(*trees),
                "in_vllm": _shown(patch.there, trees),
                "only_if": patch.only_if,
                "used": patch.used,
            }
            for patch in found.patches
        ],
        "patches_gone": [
            {"imports": item.what, "site": item.site.shown(*trees), "only_if": item.only_if} for item in found.gone
        ],
        "patches_not_read": list(found.unread),
        "not_followed": [
            {"call": item.call, "why": item.why, "site": item.site.shown(*trees)} for item in found.not_followed
        ],
    }


def _shown(site: Site | None, trees: tuple[Path, ...]) -> str | None:
    return None if site is None else site.shown(*trees)
