"""What a build would be made of now, and whether a version of exactly that is there already.

Runs in which nothing changed know no more than this, so nothing that takes long to import is needed here.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from thinkmix.flows import sources
from thinkmix.flows.build.benchmarks import Asked, commits
from thinkmix.flows.recipe.recipe import Recipe
from thinkmix.flows.sources.contract import Source
from thinkmix.flows.store.digests import MANIFEST
from thinkmix.flows.store.fingerprint import code_digest
from thinkmix.flows.store.store import Store
from thinkmix.flows.store.versions import problems
from thinkmix.schemas.artifact import Snapshot
from thinkmix.schemas.errors import SourceMoved, StoreCorrupt
from thinkmix.schemas.manifest import Manifest, SourceEntry
from thinkmix.templates.chat.tokenizer import tokenizer_digest


def resolve(store: Store, source: Source, base: Path) -> Snapshot:
    """Return which files the source means now, at which commit."""
    return sources.resolve(source, base=base, into=store.cache.downloads)


def already_built(store: Store, recipe: Recipe, snapshots: Sequence[Snapshot], asked: Asked) -> Path | None:
    """Return the version that exactly these inputs and this code made, if it was the last one and is whole.

    Args:
        store: where versions lie.
        recipe: what to build.
        snapshots: what each of its sources is now.
        asked: what each of its benchmarks is now.
    """
    found = same_inputs(store, recipe, snapshots, asked)
    return next((version for version in found if not problems(version)), None)


def same_inputs(store: Store, recipe: Recipe, snapshots: Sequence[Snapshot], asked: Asked) -> Iterator[Path]:
    """Yield the versions that exactly these inputs and this code made, whole or not; see `already_built`."""
    for version in _newest(store, recipe.name):
        with suppress(OSError, ValueError):  # gone, damaged, or of another layout: to be built again
            manifest = Manifest.model_validate_json((version / MANIFEST).read_bytes())
            if _is_made_of(manifest, recipe, snapshots, asked):
                yield version


def note_places(store: Store, recipe: Recipe, snapshots: Sequence[Snapshot], base: Path) -> None:
    """Note where the sources' files lie now: they may have been moved or renamed since they were read."""
    known = store.log.places(recipe.name)
    places = {}
    for source, shot in zip(recipe.sources, snapshots, strict=True):
        local = source.matches(base)
        there = local.paths if local else source.fetched(shot, into=store.cache.downloads)
        mine = {
            file.sha256: str(path) for file in shot.files if file.sha256 and (path := there.get(file.path))
        }
        places[source.name] = {**known.get(source.name, {}), **mine}
    if places != known:
        store.log.record_places(recipe.name, places)


def check_frozen(store: Store, recipe: Recipe, snapshots: Sequence[Snapshot], asked: Asked) -> None:
    """Refuse to build from anything but what the current version was made from.

    Raises:
        SourceMoved: naming the source and what moved, or because nothing can be compared.
    """
    version = store.versions.current(recipe.name)
    if version is None:
        msg = f"--frozen: no version of {recipe.name} is current that sources could be compared with"
        raise SourceMoved(msg)
    try:
        manifest = Manifest.model_validate_json((version / MANIFEST).read_bytes())
    except (OSError, ValueError):
        msg = f"--frozen: the manifest of the current version {version.name[:12]} cannot be read"
        raise SourceMoved(msg) from None
    known = {source.name: source for source in manifest.sources}
    since = f"since version {version.name[:12]}; build without --frozen to take it"
    for source, shot in zip(recipe.sources, snapshots, strict=True):
        if moved := _moved(known.get(source.name), shot):
            msg = f"--frozen: source {source.name}: {moved} {since}"
            raise SourceMoved(msg)
    for name, commit in commits(asked).items():
        if manifest.benchmarks.get(name) != commit:
            msg = f"--frozen: benchmark {name}: its files changed {since}"
            raise SourceMoved(msg)


def _moved(known: SourceEntry | None, shot: Snapshot) -> str | None:
    """Return what of a source is not what it was; None if all is."""
    if known is None:
        return "it is new"
    if known.dataset != shot.dataset:
        return f"its dataset went from {known.dataset} to {shot.dataset}"
    if _same_contents(known, shot):
        return None
    before = {file.name: file.sha256 for file in known.files}
    after = {file.path: file.sha256 for file in shot.files}
    changed = [
        *(f"{name} is new" for name in after if name not in before),
        *(f"{name} is gone" for name in before if name not in after),
        *(
            f"{name} changed"
            for name, sha256 in after.items()
            if sha256 and before.get(name, sha256) != sha256
        ),
    ]
    if known.commit == shot.commit and not changed:
        return None
    local = shot.revision == shot.commit == known.commit or known.revision == known.commit
    commits = "" if local else f"{shot.revision} went from {known.commit[:12]} to {shot.commit[:12]}"
    more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
    files = f"{changed[0]}{more}" if changed else ""
    return ", ".join(part for part in (commits, files) if part) or "its commit moved"


def _newest(store: Store, mixture: str) -> Iterator[Path]:
    """Yield the current version, and the one of the last run, which a gate may have blocked."""
    with suppress(StoreCorrupt):
        if current := store.versions.current(mixture):
            yield current
    for line in store.log.runs(mixture)[-1:]:
        if isinstance(name := line.get("version"), str):
            yield store.root / mixture / "versions" / name


def _is_made_of(manifest: Manifest, recipe: Recipe, snapshots: Sequence[Snapshot], asked: Asked) -> bool:
    """Return whether building would make a version of this name again."""
    made = [(source.name, source.dataset) for source in manifest.sources]
    asked_for = [(source.name, shot.dataset) for source, shot in zip(recipe.sources, snapshots, strict=True)]
    program = (code_digest(), recipe.family.digest(), tokenizer_digest())
    return (
        made == asked_for
        and all(map(_same_files, manifest.sources, snapshots))
        and Recipe.model_validate(manifest.recipe) == recipe
        and manifest.benchmarks == commits(asked)
        and (manifest.code_sha256, manifest.template_sha256, manifest.tokenizer_sha256) == program
    )


def _same_files(known: SourceEntry, shot: Snapshot) -> bool:
    """Return whether a source's files hold what they held: a commit stands for that, or their digests do."""
    names = {file.name for file in known.files} == {file.path for file in shot.files}
    commit = (known.revision, known.commit) == (shot.revision, shot.commit)
    return (commit and names) or _same_contents(known, shot)


def _same_contents(known: SourceEntry, shot: Snapshot) -> bool:
    """Return whether a source's files hold what they held, whatever they are called; each needs a sha256."""
    promised = [file.sha256 for file in shot.files]
    return None not in promised and sorted(file.sha256 for file in known.files) == sorted(map(str, promised))
