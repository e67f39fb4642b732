"""Two versions of a mixture beside each other: found in the store, opened, and compared."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pyarrow as pa
from pydantic import ValidationError

from thinkmix.curation.audit.diff import LISTED, Side, compare
from thinkmix.curation.audit.moves import USED
from thinkmix.curation.files.shards import read_groups
from thinkmix.flows.recipe.restated import restate
from thinkmix.flows.store.digests import MANIFEST
from thinkmix.flows.store.paths import open_version
from thinkmix.schemas.changes import Changes
from thinkmix.schemas.errors import NotFound, StoreCorrupt
from thinkmix.schemas.manifest import Manifest
from thinkmix.schemas.report import Report


def diff(before: Path, after: Path, *, listed: int = LISTED) -> Changes:
    """Return everything that differs between two version folders.

    Args:
        before: the older version.
        after: the later one; of another mixture, too.
        listed: how many ids of each move are named.

    Raises:
        StoreCorrupt: if a file of a version is not there, or not as this release writes it.
    """
    try:
        return compare(_side(before), _side(after), listed=listed)
    except pl.exceptions.PolarsError as error:
        msg = f"the outcomes of {before} or {after} are not of the form that this release reads ({error})"
        raise StoreCorrupt(msg) from error


def find_version(path: Path) -> Path:
    """Return the version folder that `path` means.

    Args:
        path: a version's folder, a mixture's folder for its current version, or a mixture's folder followed
            by the first digits of a version's digest: `store/sample-7-3/3f2a`.

    Raises:
        NotFound: if no version, or more than one, is meant.
    """
    if path.exists():
        return open_version(path)
    mixture = path.parent.parent if path.parent.name == "versions" else path.parent
    if not (mixture / "versions").is_dir():
        msg = f"{path} does not exist, and {mixture} is not the folder of a mixture"
        raise NotFound(msg)
    found = sorted(
        folder.name for folder in (mixture / "versions").iterdir() if folder.name.startswith(path.name)
    )
    if len(found) != 1:
        many = (
            f"{len(found)} versions, among them {found[0][:12]} and {found[1][:12]}"
            if found
            else "no version"
        )
        msg = f"{many} of {mixture.name} has a digest that starts with {path.name!r}"
        raise NotFound(msg)
    return open_version(mixture / "versions" / found[0])


def _side(version: Path) -> Side:
    try:
        manifest = restate(Manifest.model_validate_json((version / MANIFEST).read_bytes()))
        report = Report.model_validate_json((version / "report.json").read_bytes())
    except (OSError, ValidationError) as error:
        words = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error.strerror
        msg = f"{version} cannot be compared, its facts are damaged or of another release ({words})"
        raise StoreCorrupt(msg) from error
    outcomes = {
        source.name: _outcomes(version / "outcomes" / f"{source.name}.parquet") for source in manifest.sources
    }
    return Side(version.name, manifest, report, outcomes)


def _outcomes(path: Path) -> Iterator[pl.DataFrame]:
    """Yield the outcomes of a source, a row group at a time.

    Raises:
        StoreCorrupt: naming the file.
    """
    try:
        yield from read_groups(path, list(USED))
    except (OSError, pa.ArrowException) as error:
        msg = f"{path} cannot be read ({error})"
        raise StoreCorrupt(msg) from error
