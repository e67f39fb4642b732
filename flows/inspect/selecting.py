"""What the `select` of each source of a recipe keeps of its first rows, before anything is built."""

from pathlib import Path
from tempfile import TemporaryDirectory

from thinkmix.curation.audit.preview import Batch
from thinkmix.curation.audit.selected import Selection, selected
from thinkmix.curation.validate import layouts
from thinkmix.flows.inspect import sampling
from thinkmix.flows.inspect.checking import origin, settle_format
from thinkmix.flows.inspect.sampling import Place
from thinkmix.flows.recipe.own_rules import open_rules
from thinkmix.flows.recipe.recipes import Located
from thinkmix.flows.sources.patience import PATIENT, Patience
from thinkmix.schemas.errors import RecipeError
from thinkmix.schemas.formats.auto import Auto
from thinkmix.schemas.record import Record


class Selected(Record):
    """What one source keeps of the rows that were read."""

    selection: Selection
    rows: int
    """Rows of all its files."""
    exact: bool
    """Whether they were counted; else the number is an estimate."""

    @property
    def whole(self) -> bool:
        """Whether all its rows were read: then a build keeps as many."""
        return self.exact and self.selection.read == self.rows


class Selections(Record):
    """What the selections of a recipe come to."""

    mixture: str
    sources: tuple[Selected, ...]


def select(
    located: Located, *, downloads: Path, rows: int, shown: int, patience: Patience = PATIENT
) -> Selections:
    """Read rows of every source that selects, and say what stays; nothing is left on the disk.

    Args:
        located: the recipe and its folder.
        downloads: where a store keeps what it fetched, if there is one.
        rows: how many are read of each file on this machine, of 8 files at most; of a hub the first 200.
        shown: how many rows that are left out are named for each criterion.
        patience: how often a hub is asked again.

    Raises:
        RecipeError: if no source selects, or the rows of one have no format.
        SourceError: if a source cannot be read.
    """
    recipe = open_rules(located.recipe, located.base)
    asked = [source for source in recipe.sources if recipe.judging(source).select.asks]
    if not asked:
        msg = f"no source of {recipe.name} has `select`"
        raise RecipeError(f"{msg}; write what is to stay, as `select: {{pass_rate: [0, 0.5]}}`")
    found = []
    for source in asked:
        with TemporaryDirectory(prefix="thinkmix-") as folder:
            place = Place(located.base, Path(folder), downloads, patience)
            least = max(rows, layouts.ROWS if isinstance(source.format, Auto) else 0)
            sample = sampling.sample(source, place, max_row_bytes=recipe.max_row_bytes, least=least)
            read = settle_format(source, sample)
            batches = [Batch(origin(recipe, read, sample, taken.file), taken.rows) for taken in sample.taken]
            seen = selected(batches, max_row_bytes=recipe.max_row_bytes, shown=shown)
            found.append(Selected(selection=seen, rows=sample.rows, exact=sample.exact))
    return Selections(mixture=recipe.name, sources=tuple(found))
