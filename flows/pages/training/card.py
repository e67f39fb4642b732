"""The model card of a training run: what a hub and its readers need to know of the weights."""

import json
import shlex

from jinja2 import Environment, PackageLoader, StrictUndefined

from thinkmix.flows.pages.training import sections
from thinkmix.flows.pages.training.change import changes_of, format_change
from thinkmix.flows.pages.training.timing import Timing
from thinkmix.flows.pages.training.verdict import verdict
from thinkmix.flows.pages.verdict import duration
from thinkmix.flows.system.markdown import inline
from thinkmix.schemas.manifest import Manifest
from thinkmix.schemas.plain import plain
from thinkmix.schemas.stated import stated_settings
from thinkmix.train.output.result import TrainResult

_ADAPTERS = ("lora", "qlora4", "qlora8")
_LONGEST = 200


def model_card(result: TrainResult, timing: Timing | None, manifest: Manifest | None) -> str:
    """Return README.md of the folder: what was trained on what and how, what came of it, how to load it.

    Args:
        result: of the run.
        timing: what the clock says, if it was looked at.
        manifest: of the version that was trained on; without it, sources and licences are not named.
    """
    environment = Environment(  # noqa: S701 - markdown; all free text in it goes through a filter of ours
        loader=PackageLoader("thinkmix.templates", "pages"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "inline": inline,
        "code": _code,
        "quoted": _quoted,
        "shell": lambda text: shlex.quote(plain(text, _LONGEST)),
        "duration": duration,
    }
    return environment.get_template("model_card.md.jinja").render(
        result=result,
        timing=timing,
        manifest=manifest,
        verdict=verdict(result),
        moved=changes_of(result),
        adapter=result.plan.method in _ADAPTERS,
        base=_base(result),
        datasets=_datasets(manifest) if manifest else [],
        parts=sections.parts(manifest) if manifest else [],
        stated=sections.settings(result.plan)[0],
        signed=format_change,
        size=sections.size,
    )


def _base(result: TrainResult) -> str:
    """Return the hub id of the model that was trained; empty for a local folder, which is no id."""
    return result.model.name if result.model.revision else ""


def _datasets(manifest: Manifest) -> list[str]:
    """Return the Hugging Face datasets among the sources: a hub knows no other ids."""
    hub = {source.name for source in stated_settings(manifest.recipe).sources if source.kind == "hub"}
    return sorted({source.dataset for source in manifest.sources if source.name in hub})


def _quoted(text: str) -> str:
    """Return text as a string that YAML and Python read alike, on one line."""
    return json.dumps(text)


def _code(text: str) -> str:
    """Return text as code in the middle of a line, or of a cell of a table."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return f"`{line.replace('`', chr(39)).replace('|', '¦') or ' '}`"
