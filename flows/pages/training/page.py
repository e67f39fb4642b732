"""The page of a training run: one self-contained HTML file beside the weights, and the model card with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from thinkmix.flows.pages.render import render
from thinkmix.flows.pages.training import figures, sections
from thinkmix.flows.pages.training.card import model_card
from thinkmix.flows.pages.training.change import NOTICEABLE, changes, changes_of, format_change
from thinkmix.flows.pages.training.timing import Timing
from thinkmix.flows.pages.training.verdict import failure_verdict, signals, verdict
from thinkmix.flows.store.atomic import write_atomically
from thinkmix.flows.store.disk_errors import full_disk
from thinkmix.schemas.errors import ThinkmixError
from thinkmix.schemas.manifest import Manifest
from thinkmix.schemas.training import TrainPlan
from thinkmix.train.data.rows import read_manifest
from thinkmix.train.output.result import Evaluation, TrainResult
from thinkmix.train.output.trained_folder import read_trained

PAGE = "train_report.html"
CARD = "README.md"


@dataclass(frozen=True)
class FailedTraining:
    """A training that failed, and so wrote nothing: why, of what it was, and how far it got."""

    error: ThinkmixError
    mixture: str
    version: str
    """Digest of the version that was trained on."""
    model: str
    """Its name."""
    plan: TrainPlan
    points: Sequence[Evaluation] = ()
    """The held-out losses so far."""
    losses: Sequence[float] = ()
    """The training loss of each step so far."""
    resumed_at: int = 0
    """Step before the first of `losses`."""


def write_page(output: Path, *, timing: Timing | None, version: Path | None = None) -> Path:
    """Write a finished run's page and model card into its folder; return the page's path.

    Args:
        output: the folder that the run wrote, with its training.json.
        timing: what the clock says; without it, pace and memory are not shown.
        version: the version that was trained on; without it, sources and licences are not named.

    Raises:
        TrainError: if training.json cannot be read, a file that it names is missing or changed, or `version`
            is not what was trained on.
        StoreError: if the disk is full or refuses.
    """
    result = read_trained(output)
    manifest = read_manifest(version, digest=result.mixture_digest) if version else None
    page, card = render_page(result, timing, manifest), model_card(result, timing, manifest)
    with full_disk(output):
        write_atomically(output / CARD, card.encode())
        write_atomically(output / PAGE, page.encode())
    return output / PAGE


def write_failure(path: Path, failed: FailedTraining) -> Path:
    """Write the page of a run that failed; return its path.

    Args:
        path: file to write; its folder is there.
        failed: the run.

    Raises:
        StoreError: if the disk is full or refuses.
    """
    page = render_failure(failed)
    with full_disk(path.parent):
        write_atomically(path, page.encode())
    return path


def render_page(result: TrainResult, timing: Timing | None, manifest: Manifest | None) -> str:
    """Return a finished run's page as HTML that needs no network and runs no script."""
    moved = changes_of(result)
    stated, rest = sections.settings(result.plan)
    return render(
        "training.html.jinja",
        result=result,
        timing=timing,
        manifest=manifest,
        verdict=verdict(result),
        signals=signals(result),
        key_figures=sections.key_figures(result, timing),
        moved=moved,
        loss=figures.training_loss(result.losses),
        rate=figures.rate(result.plan, result.counts.steps),
        held_out=figures.held_out(result.evals, moved, kept=result.kept_step),
        pace=figures.pace(timing.steps if timing else ()),
        samples=sections.samples(result.switch) if result.switch else [],
        tokens=sections.tokens(result.counts),
        parts=sections.parts(manifest) if manifest else [],
        shares=sections.shares(manifest) if manifest else None,
        stated=stated,
        rest=rest,
        **_words(),
    )


def render_failure(failed: FailedTraining) -> str:
    """Return the page of a run that failed as HTML that needs no network and runs no script."""
    points, losses, resumed_at = failed.points, failed.losses, failed.resumed_at
    moved = changes(points[0], points[-1], failed.plan.protected) if points else []
    stated, rest = sections.settings(failed.plan)
    return render(
        "training_failed.html.jinja",
        verdict=failure_verdict(failed.error),
        mixture=failed.mixture,
        version=failed.version,
        model=failed.model,
        plan=failed.plan,
        key_figures=sections.figures_so_far(moved, losses, resumed_at=resumed_at),
        moved=moved,
        loss=figures.training_loss(losses, first=resumed_at + 1),
        held_out=figures.held_out(points, moved),
        rate=None,
        stated=stated,
        rest=rest,
        **_words(),
    )


def _words() -> dict[str, object]:
    return {
        "signed": format_change,
        "noticeable": NOTICEABLE,
        "size": sections.size,
        "kinds": sections.KINDS,
        "most": figures.MOST_FIGURES,
    }
