"""Which generated files were edited by hand: those that this tool made, and that are not what it wrote last."""

from __future__ import annotations

from pathlib import Path

from scaffold.evidence.edited import edited_files
from scaffold.evidence.plan_record import PlanRecord
from scaffold.report.changes import changes_of
from scaffold_validators.digest import sha256_of

MADE, MENDED, GONE, SHARED = "models/nova.py", "docs/nova.md", "docs/gone.md", "registry.py"


def test_what_differs_from_what_was_written_last_was_edited(tmp_path: Path) -> None:
    vllm, delivery = tmp_path / "vllm", tmp_path / "ascend"
    written: dict[Path, str] = {}
    for root, file in ((vllm, MADE), (vllm, SHARED), (delivery, MADE), (delivery, MENDED), (delivery, GONE)):
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("generated\n")
        if file != SHARED:
            written[path] = sha256_of(path)
    for path in (vllm / SHARED, delivery / MENDED):
        path.write_text("mended\n")
    (delivery / GONE).unlink()
    roots = ("/models/nova", str(vllm), str(delivery))
    record = PlanRecord("nova", "Nova", "native", {}, *roots, (MADE, SHARED), (MENDED, GONE), carried=(MADE,))
    assert edited_files(record, written.get) == (MENDED,)
    told = {(change.root, change.path): change.is_edited for change in changes_of(record, written.get)}
    assert [where for where, edited in told.items() if edited] == [("delivery", MENDED)]
    (vllm / MADE).write_text("mended, too\n")
    assert edited_files(record, written.get) == (MADE, MENDED)
