"""How the rows of a source are laid out, where its recipe says `format: auto`."""

from collections.abc import Sequence
from functools import partial

from thinkmix.curation.read.read import slices
from thinkmix.curation.validate import layouts
from thinkmix.curation.validate.normalize import Origin
from thinkmix.curation.validate.raw import Raw
from thinkmix.flows.build.jobs import Run, job, run_jobs
from thinkmix.flows.sources.settings import Source
from thinkmix.flows.system.progress import Event
from thinkmix.schemas.artifact import InputFile

STAGE = "layout"


def recognised(run: Run, source: Source, files: Sequence[InputFile], *, max_row_bytes: int) -> Source:
    """Return the source with the format that the first rows of all its files have, and print it.

    Raises:
        RecipeError: if the rows of a file have no format, or might have several, or files do not agree.
        SourceError: if a file cannot be read.
    """
    firsts = []
    for file in files:
        origin = Origin(source, "", "", file.name)
        firsts += [
            Raw(piece, origin, max_row_bytes, (str(file.path), file.modified) if file.modified else None)
            for piece in slices(file.name, file.path, file.sha256, source.rows, source.encoding)[:1]
        ]
    jobs = [
        job(
            run,
            STAGE,
            first.piece.label,
            partial(layouts.recognise_first, first),
            piece=first.piece.model_dump(exclude={"path"}),
            max_row_bytes=max_row_bytes,
        )
        for first in firsts
    ]
    outputs = run_jobs(run, jobs, stage=STAGE, source=source.name)
    found = layouts.agreed(
        source.name, [first.piece.file for first in firsts], [output.result for output in outputs]
    )
    run.notify(
        Event(STAGE, source.name, 0, None, note=f"recognised {source.name}: format: {found.statement()}")
    )
    return source.model_copy(update={"format": found})
