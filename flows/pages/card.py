"""The dataset card of a version: what `datasets` and a hub need to read the folder as a dataset."""

import json

from jinja2 import Environment, PackageLoader, StrictUndefined

from thinkmix.flows.system.markdown import inline
from thinkmix.schemas.licences import caution
from thinkmix.schemas.manifest import SPLITS
from thinkmix.schemas.report import Report
from thinkmix.schemas.stated import stated_settings
from thinkmix.templates.chat.families.known import family_of


def dataset_card(report: Report, *, repo: str = "") -> str:
    """Return README.md with the splits' file patterns, the shares and the sources.

    Args:
        report: of the version.
        repo: where it is pushed to; without it the card is that of the version's folder.
    """
    environment = Environment(  # noqa: S701 - markdown; all free text in it went through `inline`
        loader=PackageLoader("thinkmix.templates", "pages"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    present = {share.split for share in report.shares if share.examples}
    splits = [(split, f"{split}-*.parquet") for split in SPLITS if split in present]
    return environment.get_template("dataset_card.md.jinja").render(
        report=_inlined(report),
        splits=splits,
        licences=_licence(report),
        switched=_switched(report),
        repo=repo,
        cautions=_cautions(report),
    )


def _switched(report: Report) -> list[str]:
    """Return the sources whose answers to `/no_think` learn their empty trace."""
    recipe = stated_settings(report.recipe)
    if not family_of(recipe.template).soft_switch:
        return []
    return [source.name for source in recipe.sources if source.soft_switch == "train"]


def _licence(report: Report) -> str:
    """Return the sources' licence if they share one, quoted for YAML; a card takes a single id."""
    licences = {source.licence for source in report.sources}
    only = licences.pop() if len(licences) == 1 else None
    return json.dumps(only) if only else ("other" if licences else "")


def _cautions(report: Report) -> list[str]:
    """Return what the licences of sources ask a person to look at, a sentence for each that does."""
    return [
        f"The licence of {source.name} {words}" if source.licence else f"{source.name} {words}"
        for source in report.sources
        if (words := caution(source.licence))
    ]


def _inlined(report: Report) -> Report:
    """Return the report with the recipe's free text fit for the middle of a line."""
    sources = tuple(
        source.model_copy(update={"licence": source.licence and inline(source.licence)})
        for source in report.sources
    )
    return report.model_copy(update={"title": inline(report.title), "sources": sources})
