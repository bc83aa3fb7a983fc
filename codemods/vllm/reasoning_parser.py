"""A reasoning parser of vLLM, under the name that ``--reasoning-parser`` accepts."""

from __future__ import annotations

from codemods.entries.entry_list import entry_codemod
from codemods.vllm.parser_list import parser_list

CODEMOD = entry_codemod(parser_list("reasoning", "vllm/reasoning"))
