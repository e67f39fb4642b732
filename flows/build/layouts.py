"""How the rows of a source are laid out, where its recipe says `format: auto`."""

from collections.abc import Sequence

from thinkmix.curation.read.read import slices
from thinkmix.curation.validate import layouts
from thinkmix.flows.build.fetch import blob_of
from thinkmix.flows.build.jobs import Run, job, run_jobs
from thinkmix.flows.build.step import step
from thinkmix.flows.sources.settings import Source
from thinkmix.flows.system.progress import Event
from thinkmix.schemas.artifact import InputFile

STAGE = "layout"


def recognise_format(run: Run, source: Source, files: Sequence[InputFile], *, max_row_bytes: int) -> Source:
    """Return the source with the format that the first rows of all its files have, and print it.

    Raises:
        RecipeError: if the rows of a file have no format, or might have several, or files do not agree.
        SourceError: if a file cannot be read.
    """
    firsts = [slices(file.name, blob_of(file), source.rows, source.encoding)[0] for file in files]
    jobs = [
        job(
            run,
            STAGE,
            first.label,
            step(layouts.recognise_first, first=first, max_row_bytes=max_row_bytes),
            source=source.name,
        )
        for first in firsts
    ]
    outputs = run_jobs(run, jobs, stage=STAGE, source=source.name)
    found = layouts.agree_on_format(
        source.name, [first.file for first in firsts], [output.result for output in outputs]
    )
    run.notify(
        Event(STAGE, source.name, 0, None, note=f"recognised {source.name}: format: {found.statement()}")
    )
    return source.model_copy(update={"format": found})
