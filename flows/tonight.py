"""What a build would be made of tonight, and whether a version of exactly that is there already.

Nights on which nothing changed know no more than this, so nothing that takes long to import is needed here.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from flows import sources
from flows.fingerprint import code_digest
from flows.sources import local
from flows.store import MANIFEST, Store, problems
from schemas.artifact import Snapshot
from schemas.errors import StoreCorrupt
from schemas.manifest import Manifest
from schemas.recipe import Decontamination, Recipe, Source
from templates import template_digest, tokenizer_digest


def resolve(store: Store, source: Source, base: Path) -> Snapshot:
    """Return which files the source means tonight, at which commit."""
    return sources.resolve(source, base=base, into=store.downloads)


def resolve_benchmarks(store: Store, plan: Decontamination, base: Path) -> list[Snapshot]:
    """Return which files each benchmark's questions lie in, and what they hold.

    Raises:
        SourceError: if there are none, or they are of another kind.
    """
    return [local.resolve(benchmark, base=base, into=store.downloads) for benchmark in plan.benchmarks]


def already_built(
    store: Store, recipe: Recipe, snapshots: Sequence[Snapshot], asked: Sequence[Snapshot]
) -> Path | None:
    """Return the version that exactly these inputs and this code made, if it was the last one and is whole.

    Args:
        store: where versions lie.
        recipe: what to build.
        snapshots: what each of its sources is tonight.
        asked: what each of its benchmarks is tonight.
    """
    for version in _newest(store, recipe.name):
        try:
            manifest = Manifest.model_validate_json((version / MANIFEST).read_bytes())
        except (OSError, ValueError):  # gone, damaged, or of another layout: to be built anew
            continue
        if _is_made_of(manifest, recipe, snapshots, asked) and not problems(version):
            return version
    return None


def _newest(store: Store, mixture: str) -> Iterator[Path]:
    """Yield the current version, and the one of the last run, which a gate may have held."""
    with suppress(StoreCorrupt):
        if current := store.current(mixture):
            yield current
    for line in store.runs(mixture)[-1:]:
        if isinstance(name := line.get("version"), str):
            yield store.root / mixture / "versions" / name


def _is_made_of(
    manifest: Manifest, recipe: Recipe, snapshots: Sequence[Snapshot], asked: Sequence[Snapshot]
) -> bool:
    """Return whether building would make this manifest again; a commit stands for what its files hold."""
    made = [
        (source.name, source.dataset, source.revision, source.commit, {file.name for file in source.files})
        for source in manifest.sources
    ]
    tonight = [
        (source.name, shot.dataset, shot.revision, shot.commit, {file.path for file in shot.files})
        for source, shot in zip(recipe.sources, snapshots, strict=True)
    ]
    program = (code_digest(), template_digest(recipe.template), tokenizer_digest())
    return (
        made == tonight
        and manifest.recipe == recipe
        and manifest.benchmarks == asked_of(asked)
        and (manifest.code_sha256, manifest.template_sha256, manifest.tokenizer_sha256) == program
    )


def asked_of(snapshots: Sequence[Snapshot]) -> dict[str, str]:
    """Return the commit of each benchmark, as a manifest states it."""
    return {snapshot.dataset: snapshot.commit for snapshot in snapshots}
