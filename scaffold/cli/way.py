"""The diagram of the way from a checkpoint to a commit: drawn from rows, without anything of the network."""

from __future__ import annotations

from html import escape
from pathlib import Path

from scaffold.common.tables import read_table

ROWS = Path(__file__).with_name("way.yaml")
TITLES = {
    "en": ("from a checkpoint to one commit", "where it says no"),
    "zh": ("从权重目录到一个提交", "不通过时"),
}
WIDTH, LEFT, RIGHT = 980, 620, 300
HEIGHT, GAP, TOP = 62, 26, 50
MONO, SANS = "ui-monospace, Menlo, Consolas, monospace", "system-ui, 'Noto Sans CJK SC', 'PingFang SC', sans-serif"


def diagrams() -> dict[Path, str]:
    """Return the diagrams: path below the project's directory → SVG; one for each language."""
    rows = read_table(ROWS)
    return {
        Path("docs/images/way.svg"): _svg(rows, "en", "en_no"),
        Path("docs/images/way.zh.svg"): _svg(rows, "zh", "zh_no"),
    }


def _svg(rows: list[dict[str, str]], says: str, says_no: str) -> str:
    title, no = TITLES[says]
    height = TOP + len(rows) * (HEIGHT + GAP)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="{escape(title)}" font-family="{SANS}" font-size="15">'
    )
    arrow = (
        '<defs><marker id="to" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#8a94a6"/></marker></defs>'
    )
    parts = [head, f"<title>{escape(title)}</title>", arrow]
    parts.append(f'<rect width="{WIDTH}" height="{height}" rx="10" fill="#ffffff"/>')
    parts.append(_text(20, 30, title, "#5b6475", size=14))
    parts.append(_text(WIDTH - RIGHT, 30, no, "#a4473b", size=14))
    for number, row in enumerate(rows):
        y = TOP + number * (HEIGHT + GAP)
        parts += _step(y, row["command"], row[says], row[says_no], number + 1 < len(rows))
    return "\n".join([*parts, "</svg>", ""])


def _step(y: int, command: str, says: str, no: str, goes_on: bool) -> list[str]:
    middle = y + HEIGHT // 2
    parts = [
        f'<rect x="20" y="{y}" width="{LEFT}" height="{HEIGHT}" rx="8" fill="#eef3fb" stroke="#4a6fa5"/>',
        _text(36, y + 25, command, "#1f3a5f", family=MONO, bold=True),
        _text(36, y + 48, says, "#2b3340"),
        f'<path d="M{20 + LEFT} {middle}H{WIDTH - RIGHT - 10}" stroke="#c98a82" stroke-dasharray="4 3"/>',
        _text(WIDTH - RIGHT, middle + 5, no, "#a4473b"),
    ]
    if goes_on:
        parts.append(f'<path d="M60 {y + HEIGHT}V{y + HEIGHT + GAP - 2}" stroke="#8a94a6" marker-end="url(#to)"/>')
    return parts


def _text(x: int, y: int, text: str, fill: str, size: int = 15, family: str = "", bold: bool = False) -> str:
    more = (f' font-family="{family}"' if family else "") + (' font-weight="600"' if bold else "")
    return f'<text x="{x}" y="{y}" fill="{fill}" font-size="{size}"{more}>{escape(text)}</text>'
