"""What a build would make of the first rows of each source of a recipe; nothing is downloaded or stored."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from thinkmix.curation.audit.preview import Batch, Preview, preview
from thinkmix.curation.decontaminate.asked import questions_of
from thinkmix.curation.files.blob import Blob
from thinkmix.curation.read.read import first_rows, slices
from thinkmix.curation.rules.contract import Applied
from thinkmix.curation.rules.own import RuleFile
from thinkmix.curation.sample import mix
from thinkmix.curation.sample.settings import MixPlan
from thinkmix.curation.validate import layouts
from thinkmix.curation.validate.layouts import agree_on_format, recognise, suggest_format
from thinkmix.curation.validate.rowwise import Origin
from thinkmix.flows.build.losses import recode
from thinkmix.flows.executor.workers import plan_workers
from thinkmix.flows.inspect import sampling
from thinkmix.flows.inspect.sampling import Place, Sample
from thinkmix.flows.recipe.own_rules import open_rules
from thinkmix.flows.recipe.recipe import Recipe
from thinkmix.flows.recipe.recipes import Located
from thinkmix.flows.sources import local
from thinkmix.flows.sources.contract import Source
from thinkmix.flows.sources.patience import PATIENT, Patience
from thinkmix.flows.system.cores import usable_cores
from thinkmix.flows.system.memory import usable_bytes
from thinkmix.schemas.formats.auto import Auto
from thinkmix.schemas.formats.sample import columns_of
from thinkmix.schemas.licences import caution
from thinkmix.schemas.record import Record

_SECONDS = 9.8
_SECONDS_PER_MB = 0.33
_SECONDS_PER_MILLION = 0.43
_DISK_PER_BYTE = 0.2
_DISK_PER_TOKEN = 8.2
"""What a build takes: seconds in any case, seconds of a core for a megabyte of text that is read and for a
million tokens of the mixture, and bytes of the store for a byte of text and for a token. Fitted to three
builds with one worker, of 6,015 to 25,755 rows (2 cores of AMD EPYC)."""


class SourceCheck(Record):
    """What was seen of one source."""

    name: str
    format: str
    """As a recipe states it."""
    recognised: bool
    """Whether the format was recognised, where the recipe says `auto`."""
    dataset: str
    commit: str
    """What a hub's revision means now; empty for files on this machine."""
    files: int
    size: int
    """Bytes of all files."""
    matched: Mapping[str, int]
    """How many files each pattern means."""
    read_from: tuple[str, ...]
    """Files whose first rows were read."""
    rows: int
    """Rows of all files."""
    exact: bool
    """Whether they were counted; else the number is an estimate."""
    fetched: int
    """Bytes that were fetched from a hub."""
    columns: tuple[str, ...] = ()
    """Of the rows that were read."""
    preview: Preview
    supply: int
    """Examples or tokens, by the recipe's unit, that the source seems to have; duplicates are among them."""
    mend: tuple[str, ...]
    """What a person should look at, in sentences."""
    licence: str = ""
    """What its licence asks to look at, in a sentence; it changes no exit code."""


class Estimate(Record):
    """What a build would take and come to, about."""

    unit: str
    size: int
    """Of the mixture, in the unit."""
    limited_by: str
    """The source that has the least for its share, or `size` if the recipe's size is smaller."""
    download: int
    """Bytes that are not in the store yet."""
    disk: int
    """Bytes of the store after the build, downloads included."""
    minutes: float
    workers: int


class Check(Record):
    """What a recipe would come to."""

    recipe: str
    mixture: str
    template: str
    sources: tuple[SourceCheck, ...]
    rule_files: tuple[RuleFile, ...] = ()
    """Files of rules of the user's own; their code ran."""
    benchmarks: Mapping[str, Mapping[str, int]]
    """How many files each pattern of an evaluation means; its first rows were read."""
    estimate: Estimate | None
    """Unset if no row of a source that was looked at becomes an example."""
    mend: tuple[str, ...]
    """What a person should look at, of all sources and of the mixture."""


def check(
    located: Located,
    *,
    name: str,
    downloads: Path,
    workers: int | None = None,
    patience: Patience = PATIENT,
    examples: int = 0,
) -> Check:
    """Look at the first rows of every source of a recipe; nothing is left on the disk.

    Args:
        located: the recipe and its folder.
        name: what the recipe is called.
        downloads: where a store keeps what it fetched, if there is one.
        workers: processes that a build would have.
        patience: how often a hub is asked again.
        examples: how many examples of each source are wanted as they are trained.

    Raises:
        RecipeError: if the rows of a source with `format: auto` have no format, or a benchmark no questions.
        SourceError: if a source cannot be read.
    """
    recipe, found = open_rules(located.recipe, located.base), []
    for source in recipe.sources:
        with TemporaryDirectory(prefix="thinkmix-") as folder:
            place = Place(located.base, Path(folder), downloads, patience)
            found.append(_look(recipe, source, place, examples))
    estimate = _estimate(recipe, found, workers)
    mend = [sentence for one in found for sentence in one[0].mend]
    if estimate:
        mend += _short(recipe.mix, estimate)
    return Check(
        recipe=name,
        mixture=recipe.name,
        template=recipe.template,
        sources=tuple(one for one, _ in found),
        rule_files=tuple(rule.file for rule in recipe.own_rules.values()),
        benchmarks=_benchmarks(recipe, located.base),
        estimate=estimate,
        mend=tuple(mend),
    )


def _benchmarks(recipe: Recipe, base: Path) -> dict[str, Mapping[str, int]]:
    """Return which files of evaluations there are, after reading the first questions of each."""
    matched = {}
    for benchmark in recipe.decontaminate.benchmarks:
        if benchmark.dataset is not None:  # a build asks the hub, and says which it cannot have
            continue
        found = local.matches(benchmark, base)
        for name, path in found.paths.items():
            piece = slices(name, Blob(path, ""), benchmark.rows)[0]
            for row in first_rows(piece, sampling.ROWS, max_row_bytes=recipe.max_row_bytes):
                questions_of(benchmark, name, row)
        matched[benchmark.name] = found.matched
    return matched


def _look(recipe: Recipe, source: Source, place: Place, examples: int) -> tuple[SourceCheck, Sample]:
    sample = sampling.sample(
        source,
        place,
        max_row_bytes=recipe.max_row_bytes,
        least=layouts.ROWS if isinstance(source.format, Auto) else 0,
    )
    read = settle_format(source, sample)
    seen = check_source(recipe, read, sample, place.scratch, tried=recipe.tried(read), shown=examples)
    one = SourceCheck(
        name=source.name,
        format=layouts.short_statement(read.format.statement()),
        recognised=isinstance(source.format, Auto),
        dataset=sample.dataset,
        commit=sample.commit,
        files=len(sample.files),
        size=sample.size,
        matched=sample.matched,
        read_from=tuple(taken.file for taken in sample.taken),
        rows=sample.rows,
        exact=sample.exact,
        fetched=sample.fetched,
        columns=tuple(
            columns_of([row.values for taken in sample.taken for row in taken.rows if not row.fault])
        ),
        preview=seen,
        supply=round(seen.per_row(recipe.mix.unit) * sample.rows),
        mend=tuple(_mend(recipe, read, sample, seen)),
        licence=_licence(source),
    )
    return one, sample


def settle_format(source: Source, sample: Sample) -> Source:
    """Return the source with the format that its first rows have, if the recipe leaves it open.

    Raises:
        RecipeError: if they have none, or might have several.
    """
    if not isinstance(source.format, Auto):
        return source
    files = [taken.file for taken in sample.taken]
    results = [recognise(taken.file, taken.rows[: layouts.ROWS]) for taken in sample.taken]
    return source.model_copy(update={"format": agree_on_format(source.name, files, results)})


def check_source(
    recipe: Recipe,
    source: Source,
    sample: Sample,
    scratch: Path,
    *,
    render: bool = True,
    tried: Sequence[Applied] = (),
    shown: int = 0,
) -> Preview:
    """Return what a build would make of a sample's rows, `sampling.ROWS` of them or a few more.

    Without `render` it is only known which rows are kept; of `tried` it is known what they would find.
    """
    taken = sum(len(one.rows) for one in sample.taken)
    share = taken if taken <= sampling.ROWS else -(-sampling.ROWS // len(sample.taken))
    batches = [
        Batch(origin(recipe, source, sample, taken.file), taken.rows[:share]) for taken in sample.taken
    ]
    with TemporaryDirectory(dir=scratch, prefix="render-") as folder:
        return preview(
            batches,
            family=recipe.family,
            max_tokens=recipe.max_tokens,
            max_row_bytes=recipe.max_row_bytes,
            scratch=Path(folder),
            render=render,
            tried=tried,
            shown=shown,
        )


def origin(recipe: Recipe, source: Source, sample: Sample, file: str) -> Origin:
    """Return where rows of a file come from and how they are judged."""
    unopened = recipe.reads_unopened(source)
    return Origin(source, file, unopened, recipe.limits, judging=recipe.judging(source))


def _mend(recipe: Recipe, source: Source, sample: Sample, seen: Preview) -> Iterator[str]:
    """Yield what a person should look at, in the words of the gates that a build is judged by."""
    name = source.name
    if not seen.read:
        yield f"{name}: its files hold no row"
        return
    if not seen.examples:
        hint = _meant(recipe, source, sample)
        yield f"{name}: none of the first {seen.read:,} rows becomes an example{hint}"
    for taken in sample.taken:
        if words := recode(taken.file, taken.path, source.encoding):
            yield f"{name}: {taken.file}: {words}"
    facts = seen.facts(name)
    for gate in recipe.gates.all():
        if gate.action != "off" and (seen.examples or not gate.needs_examples):
            found = gate.judge_first_rows(facts, recipe)
            yield from (result.sentence for result in found if result.level != "pass")
    if source.expect_rows is not None and sample.exact and sample.rows != source.expect_rows:
        yield f"{name}: {sample.rows:,} rows, and the recipe expects {source.expect_rows:,} (`expect_rows`)"


def _licence(source: Source) -> str:
    words = caution(source.licence)
    if not words:
        return ""
    if source.licence is None:
        return f"{source.name}: it {words} (`licence` of the source)"
    return f"{source.name}: its licence, {source.licence}, {words}"


def _meant(recipe: Recipe, source: Source, sample: Sample) -> str:
    taken = next((one for one in sample.taken if one.rows), None)
    if taken is None:
        return ""
    words = suggest_format(origin(recipe, source, sample, taken.file), taken.rows, recipe.max_row_bytes)
    return f"; {words}" if words else ""


def _estimate(
    recipe: Recipe, found: Sequence[tuple[SourceCheck, Sample]], workers: int | None
) -> Estimate | None:
    supply = {one.name: one.supply for one, _ in found}
    shares = recipe.mix.exact_shares()
    if any(shares[name] and not amount for name, amount in supply.items()):
        return None
    source, largest = mix.bounding_source(recipe.mix, supply)
    bounded = recipe.mix.size is not None and (recipe.mix.size < largest or recipe.mix.when_short == "repeat")
    size = (recipe.mix.size or largest) if bounded else largest
    text = sum(one.preview.text_bytes / max(1, one.preview.read) * one.rows for one, _ in found)
    tokens = sum(size * float(shares[one.name]) * _tokens(one.preview, recipe.mix) for one, _ in found)
    count, _ = plan_workers(workers, None, cores=usable_cores(), usable=usable_bytes())
    seconds = _SECONDS_PER_MB * text / 1e6 + _SECONDS_PER_MILLION * tokens / 1e6
    hubs = sum(sample.size for _, sample in found if sample.commit)
    return Estimate(
        unit=recipe.mix.unit,
        size=size,
        limited_by="size" if bounded else source,
        download=sum(sample.missing for _, sample in found),
        disk=round(hubs + _DISK_PER_BYTE * text + _DISK_PER_TOKEN * tokens),
        minutes=(_SECONDS + seconds / count) / 60,
        workers=count,
    )


def _tokens(seen: Preview, plan: MixPlan) -> float:
    """Return the tokens of a source's examples for each unit of the mixture that it gives."""
    return seen.tokens / max(1, seen.amount(plan.unit))


def _short(plan: MixPlan, estimate: Estimate) -> Iterator[str]:
    if plan.size is not None and plan.when_short == "fail" and estimate.size < plan.size:
        yield (
            f"mix: `size: {plan.size}` is more than the sources seem to allow, about {estimate.size:,}: "
            f"{estimate.limited_by} has too little; lower `size` or allow `when_short: shrink`"
        )


def spoken(seen: Preview) -> str:
    """Return how many examples there are, whether they think, how long they are and in which languages."""
    if not seen.examples:
        return "none"
    languages = ", ".join(f"{name} {rows:,}" for name, rows in seen.languages.items())
    mean = f"{seen.tokens / seen.examples:,.0f} tokens each"
    learned = f"{100 * seen.trainable_tokens / seen.tokens:.0f} % of them trained"
    think = "all think" if seen.thinking == seen.examples else f"{seen.thinking:,} of them think"
    mode = think if seen.thinking else "none thinks"
    of = f" of the first {seen.rendered:,} of them" if seen.rendered < seen.kept else ""
    return f"{seen.examples:,}{of}, {mode}; {mean}, {learned}; rows by language: {languages}"
