"""The dataset card of a version: what `datasets` and a hub need to read the folder as a dataset."""

from jinja2 import Environment, PackageLoader, StrictUndefined

from curation.mix import SPLITS
from schemas.report import Report


def dataset_card(report: Report) -> str:
    """Return README.md with the splits' file patterns, the shares and the sources."""
    environment = Environment(  # noqa: S701 - markdown; values are our own names and numbers
        loader=PackageLoader("templates", ""), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    present = {share.split for share in report.shares if share.examples}
    splits = [(split, f"{split}-*.parquet") for split in SPLITS if split in present]
    return environment.get_template("dataset_card.md.jinja").render(
        report=report, splits=splits, licences=_licence(report)
    )


def _licence(report: Report) -> str:
    """Return the sources' licence if they share one; a card takes a single id."""
    licences = {source.licence for source in report.sources}
    only = licences.pop() if len(licences) == 1 else None
    return only or ("other" if licences else "")
