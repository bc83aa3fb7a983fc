"""A test config in the list of those whose accuracy is tested end to end."""

from __future__ import annotations

from codemods.codemod import Codemod, Example, Parameter, RefusedExample
from codemods.text.lines import insert_lines, split_lines
from codemods.text.names import file_name

WHERE = "tests/e2e/models/configs/accuracy.txt"


def accuracy_list(text: str, *, config: str) -> str:
    """Add one line with the config's file name at the end of the list, which is unsorted."""
    file_name(config, "config", ".yaml")
    lines = split_lines(text)
    if config in (line.strip() for line in lines):
        return text
    return insert_lines(lines, len(lines), [config])


CODEMOD = Codemod(
    name="accuracy-list",
    summary="have a model's accuracy tested end to end",
    upstream="https://github.com/vllm-project/vllm-ascend/tree/main/tests/e2e/models/configs",
    tree="vllm-ascend",
    targets=(WHERE,),
    parameters=(Parameter("config", "the test config's file name, such as Cedar-7B.yaml"),),
    transform=accuracy_list,
    examples=(
        Example(
            {"config": "Cedar-7B.yaml"},
            "Birch.yaml\nWillow.yaml\n",
            "Birch.yaml\nWillow.yaml\nCedar-7B.yaml\n",
        ),
        Example({"config": "Cedar-7B.yaml"}, "Birch.yaml", "Birch.yaml\nCedar-7B.yaml\n"),
        Example({"config": "Cedar-7B.yaml"}, "A.yaml\r\n", "A.yaml\r\nCedar-7B.yaml\r\n"),
        Example({"config": "Birch.yaml"}, "Birch.yaml\nYew.yaml\n", "Birch.yaml\nYew.yaml\n"),
        RefusedExample({"config": "../Cedar.yaml"}, "Birch.yaml\n", "config"),
        RefusedExample({"config": "Cedar.yaml\nEvil.yaml"}, "Birch.yaml\n", "config"),
        RefusedExample({"config": "Cedar.txt"}, "Birch.yaml\n", "ending with `.yaml`"),
    ),
)
