"""A build with every rule on shows what each of them flags, whether or not it stands in one place."""

import json
from pathlib import Path

from tests.harness.builders import quick_build, recipe, text, write_rows
from thinkmix.curation.rules.known import RULES
from thinkmix.schemas.formats.openmathreasoning import OpenMathReasoning

TOOL = {"name": "look", "parameters": {"type": "object", "properties": {"at": {"type": "string"}}}}


def errand(number: int, at: object) -> dict[str, object]:
    """Return a row that calls a tool, whose response says more than the answer."""
    call = {"name": "look", "arguments": {"at": at}}
    turns = [
        ("human", f"Look at {text(number)}."),
        ("function_call", json.dumps(call)),
        ("observation", json.dumps([text(("seen", number), 8)])),
        ("gpt", f"Done, {number}."),
    ]
    return {
        "conversations": [{"from": speaker, "value": value} for speaker, value in turns],
        "tools": json.dumps([TOOL]),
    }


def test_every_rule_that_flags_a_row_is_counted_and_has_a_sample(tmp_path: Path):
    """By the report, its samples and its page."""
    write_rows(tmp_path / "tools.jsonl", [errand(n, 3 if n == 2 else f"place {n}") for n in range(8)])
    solved = [
        {
            "problem": f"Find {text(n)}.",
            "generated_solution": f"It is \\boxed{{{n % 2}}}.",
            "expected_answer": "1",
        }
        for n in range(8)
    ]
    write_rows(tmp_path / "math.jsonl", solved)
    stated = recipe(
        sources=[
            {"name": name, "kind": "local", "files": [f"{name}.jsonl"], "format": format}
            for name, format in (("tools", "sharegpt"), ("math", "openmathreasoning"))
        ],
        rules={kind.name: "flag" for kind in RULES if kind.fits(OpenMathReasoning())},
        shares={"tools": 0.5, "math": 0.5},
        eval_share=0,
    )
    version = quick_build(stated, tmp_path / "store", tmp_path).version
    report = json.loads((version / "report.json").read_bytes())
    counted = {(one["source"], one["rule"]): one["rows"] for one in report["flags"]}
    assert counted["tools", "tool_arguments"] == 1
    assert counted["math", "wrong_answer"] == 4
    shown = {(one["source"], one["reason"]) for one in report["flagged"]}
    assert shown == counted.keys()
