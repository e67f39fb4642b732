"""A review of a version: rows sampled for people to judge, their verdicts in the store, and what follows."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import orjson
import polars as pl
from pydantic import ValidationError

from thinkmix.curation.audit.review import combine_rates, rate, sample
from thinkmix.curation.files.shards import read_groups
from thinkmix.curation.rules.known import rule_named, why
from thinkmix.curation.rules.precision import READ
from thinkmix.curation.sample.mix import STAGE as MIX
from thinkmix.flows.inspect.rows import Rows, check_text, spoken
from thinkmix.flows.inspect.rule_hits import count_hits, hits_of, marked_words, score_rule
from thinkmix.flows.runs.approve import user
from thinkmix.flows.store.disk_errors import full_disk
from thinkmix.flows.store.json_lines import append_lines
from thinkmix.flows.store.versions import outcome_files
from thinkmix.schemas.errors import NotFound, StoreError
from thinkmix.schemas.review import (
    HIT,
    KEPT,
    UNJUDGED,
    Opinion,
    Question,
    ReviewScore,
    StratumScore,
    Total,
    Verdict,
    opinions_on,
)

EACH, SEED = 20, 1

_SHOWN = ["id", "source", "reason", "file", "row", "detail"]

Key = tuple[str, str]
"""Id and reason of a row: a verdict holds for every row that has both."""

Stratum = tuple[str, str]
"""Source and reason."""


@dataclass(frozen=True)
class Review:
    """One sample of one version's rows, and what people said of them."""

    rows: Rows
    each: int
    seed: int
    sampled: pl.DataFrame
    """Schema `thinkmix.curation.audit.review.SAMPLE`."""
    verdicts: Mapping[Key, Verdict]
    """The last word on each row and reason, on this version if there is one, else on another."""
    own: frozenset[Key]
    """On which of them it was given on this very version."""
    hits: Mapping[Stratum, int] | None = None
    """Hits of rules by source, where these are reviewed; unset in a review of what was dropped and kept."""

    def strata(self) -> dict[Stratum, int]:
        """Return how many rows each source lost for each reason, and how many are in the mixture.

        Of a review of the hits of rules, how many hits each rule has in each source.
        """
        if self.hits is not None:
            return dict(sorted(self.hits.items()))
        sizes: Counter[Stratum] = Counter()
        for count in self.rows.manifest.ledger.stages:
            for reason, amount in count.dropped.items():
                if reason not in UNJUDGED:
                    sizes[count.source, reason] += amount.rows
        for source, count in self.rows.manifest.ledger.of(MIX).items():
            sizes[source, KEPT] += count.kept.rows
        return {stratum: size for stratum, size in sorted(sizes.items()) if size}

    def questions(self) -> list[Question]:
        """Return the sampled rows in the order in which they are asked: one of each stratum after the other.

        A review that stops early covers the first rows of every stratum, which are a random sample, too.
        """
        place = pl.int_range(pl.len()).over("source", "reason")
        rows = self.sampled.with_columns(place=place).sort("place", "source", "reason").to_dicts()
        texts = _texts(self.rows, [row[name] for row in rows for name in ("id", "winner") if row[name]])
        words = {} if self.hits is None else marked_words(self.rows, [row["id"] for row in rows])
        return [
            Question(
                **{name: row[name] for name in _SHOWN},
                meaning=_meaning(row["reason"], self.rows),
                text=texts.get(row["id"]),
                words=words.get((row["id"], row["reason"])),
                instead=texts.get(row["winner"]) if row["winner"] != row["id"] else None,
                version=self.rows.version.name,
                each=self.each,
                seed=self.seed,
                verdict=said.verdict if (said := self.verdicts.get((row["id"], row["reason"]))) else "",
            )
            for row in rows
        ]

    def score(self) -> ReviewScore:
        """Return how often the rules err, stratum by stratum, and over all by the strata's rows."""
        sampled: Counter[Stratum] = Counter()
        opinions: Counter[tuple[Stratum, Opinion]] = Counter()
        heard: dict[Key, Verdict] = {}
        for source, reason, row in self.sampled.select("source", "reason", "id").iter_rows():
            sampled[source, reason] += 1
            if verdict := self.verdicts.get((row, reason)):
                opinions[(source, reason), verdict.verdict] += 1
                heard[row, reason] = verdict
        strata = []
        for stratum, size in self.strata().items():
            one, other, unsure = (opinions[stratum, opinion] for opinion in opinions_on(stratum[1]))
            wrong, judged = one if stratum[1] not in (KEPT, *self.hit_reasons) else other, one + other
            strata.append(
                StratumScore(
                    source=stratum[0],
                    reason=stratum[1],
                    rows=size,
                    sampled=sampled[stratum],
                    judged=judged,
                    unsure=unsure,
                    wrong=wrong,
                    rate=rate(wrong, judged, size) if judged else None,
                )
            )
        return ReviewScore(
            version=self.rows.version.name,
            mixture=self.rows.manifest.mixture,
            each=self.each,
            seed=self.seed,
            reviewers=tuple(sorted({verdict.who for verdict in heard.values()})),
            reused=len(heard.keys() - self.own),
            strata=tuple(strata),
            false_drop=_total([one for one in strata if one.reason not in (KEPT, *self.hit_reasons)]),
            false_keep=_total([one for one in strata if one.reason == KEPT]),
            rules=tuple(score_rule(reason, strata) for reason in sorted(self.hit_reasons)),
        )

    @property
    def hit_reasons(self) -> frozenset[str]:
        """The reasons that stand for hits of rules."""
        return frozenset(reason for _, reason in self.hits or ())


def open_review(
    version: Path, *, each: int | None = None, seed: int | None = None, rules: Sequence[str] = ()
) -> Review:
    """Sample rows of a version for review, and read what was said of them.

    Args:
        version: the version's folder, in a store.
        each: most rows of a stratum; unset means as many as the last verdicts on this version were given
            on, 20 at first.
        seed: which sample; unset means that of the last verdicts.
        rules: review the hits of these rules, 50 of each source at first, and not what was dropped and kept.

    Raises:
        NotFound: if the version is not in a store, there is no such rule, or none of them has a hit.
    """
    rows = Rows(version)
    folder = _file(version).parent
    asked = tuple(rule_named(rule, rows.own) for rule in rules)
    mine = [said for said in _verdicts(_file(version)) if said.reason.startswith(HIT) == bool(asked)]
    last = mine[-1] if mine else None
    seed = seed if seed is not None else last.seed if last else SEED
    each = each or max((said.each for said in mine if said.seed == seed), default=READ if asked else EACH)
    others = [path for path in sorted(folder.glob("*.jsonl")) if path != _file(version)]
    elsewhere = sorted((said for path in others for said in _verdicts(path)), key=lambda said: said.when)
    verdicts = {(said.id, said.reason): said for said in (*elsewhere, *mine)}
    own = frozenset((said.id, said.reason) for said in mine)
    sampled = sample(_judged(version, asked), each=each, seed=seed)
    hits = count_hits(version, asked) if asked else None
    if asked and not hits:
        msg = f"{version.name[:12]} has no row that {' or '.join(asked)} flagged or left out; "
        raise NotFound(f"{msg}name a rule that is on in its recipe")
    return Review(rows, each, seed, sampled, verdicts, own, hits)


def answer(version: Path, question: Question, opinion: Opinion, *, who: str | None = None) -> None:
    """Write one verdict into the store; it is on the disk when this returns.

    Raises:
        NotFound: if the version is not in a store.
        StoreError: if the store cannot be written.
    """
    _append(version, [_verdict(question, opinion, who)])


def take(version: Path, file: Path, *, who: str | None = None) -> int:
    """Write the verdicts of a filled-in file into the store, and return how many are new.

    Lines without a verdict are left alone, so a file may be handed in several times.

    Raises:
        StoreError: if the file cannot be read, or one of its lines is not a question of this version; the
            line is named, and nothing is written.
    """
    try:
        lines = file.read_bytes().splitlines()
    except OSError as error:
        msg = f"{file} cannot be read: {error.strerror}"
        raise StoreError(msg) from None
    known = {(said.id, said.reason): said.verdict for said in _verdicts(_file(version))}
    found = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            question = _question(file, number, line, version)
            rule = (question.reason.removeprefix(HIT),) if question.reason.startswith(HIT) else ()
            if (question.id, question.reason) not in _keys(version, question.each, question.seed, rule):
                msg = f"{file}: line {number} is of a row that was not sampled; nothing was taken from it"
                raise StoreError(msg)
            if question.verdict and question.verdict not in (known_words := opinions_on(question.reason)):
                msg = f"{file}: line {number} says {question.verdict} of {question.reason}; say one of "
                raise StoreError(f"{msg}{', '.join(known_words)}; nothing was taken from it")
            if question.verdict and known.get((question.id, question.reason)) != question.verdict:
                known[question.id, question.reason] = question.verdict
                found.append(_verdict(question, question.verdict, who))
    _append(version, found)
    return len(found)


def write_questions(questions: Iterable[Question], out: Path) -> None:
    """Write questions as lines of JSON, the verdict last, for people to fill in.

    Raises:
        StoreError: if the file is there already, which may hold verdicts, or cannot be written.
    """
    try:
        with out.open("xb") as file:
            file.writelines(orjson.dumps(question.model_dump()) + b"\n" for question in questions)
    except FileExistsError:
        msg = f"{out} is there already; take another name, or hand it in with --score"
        raise StoreError(msg) from None
    except OSError as error:
        msg = f"{out} cannot be written: {error.strerror}"
        raise StoreError(msg) from None


def _judged(version: Path, rules: Sequence[str] = ()) -> Iterator[pl.DataFrame]:
    """Yield the outcomes of all rows that were judged, or of the hits of rules, a row group at a time."""
    if rules:
        yield from hits_of(version, rules)
        return
    for path in outcome_files(version):
        for group in read_groups(path, [*_SHOWN, "winner"]):
            yield group.filter(~pl.col("reason").is_in(UNJUDGED) | pl.col("reason").is_null())


@cache
def _keys(version: Path, each: int, seed: int, rules: Sequence[str]) -> frozenset[Key]:
    rows = sample(_judged(version, rules), each=each, seed=seed)
    return frozenset(rows.select("id", "reason").iter_rows())


def _meaning(reason: str, rows: Rows) -> str:
    return "it is in the mixture" if reason == KEPT else why(reason.removeprefix(HIT), rows.own).sentence


def _texts(rows: Rows, ids: Sequence[str]) -> dict[str, str]:
    """Return what rows say: a valid one turn by turn, another one as it was read."""
    said = {row: spoken(talk.messages) for row, talk in rows.said(ids).items()}
    rest = rows.contents(set(ids) - said.keys())
    return said | {row: content for row, (_, content) in rest.items()}


def _total(strata: Sequence[StratumScore]) -> Total:
    return Total(
        rows=sum(stratum.rows for stratum in strata),
        covered=sum(stratum.rows for stratum in strata if stratum.judged),
        judged=sum(stratum.judged for stratum in strata),
        wrong=sum(stratum.wrong for stratum in strata),
        rate=combine_rates([(stratum.wrong, stratum.judged, stratum.rows) for stratum in strata]),
    )


def _question(file: Path, number: int, line: bytes, version: Path) -> Question:
    try:
        question = Question.model_validate_json(line)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = first["loc"][0] if first["loc"] else "the line"
        msg = f"{file}: line {number}: {where}: {first['msg']}; nothing was taken from it"
        raise StoreError(msg) from None
    if question.version != version.name:
        msg = f"{file}: line {number} is of version {question.version[:12]!r}, not of {version.name[:12]}"
        raise StoreError(f"{msg}; nothing was taken from it")
    return question


def _verdict(question: Question, opinion: Opinion, who: str | None) -> Verdict:
    return Verdict(
        **question.model_dump(include={"id", "source", "reason", "seed", "each"}),
        verdict=opinion,
        who=check_text(who or user()),
        when=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _file(version: Path) -> Path:
    """Return where verdicts on a version lie.

    Raises:
        NotFound: if it is not in a store.
    """
    folder = version.resolve()
    if folder.parent.name != "versions":
        msg = f"{version} is not in a store, which keeps verdicts; review it in the store where it was built"
        raise NotFound(msg)
    return folder.parents[1] / "reviews" / f"{folder.name}.jsonl"


def _verdicts(path: Path) -> list[Verdict]:
    """Return what was said, oldest first, without a line that a crash cut off."""
    if not path.is_file():
        return []
    found = []
    for line in path.read_bytes().splitlines():
        try:
            found.append(Verdict.model_validate_json(line))
        except ValidationError:
            continue
    return found


def _append(version: Path, verdicts: Sequence[Verdict]) -> None:
    path = _file(version)
    if not verdicts:
        return
    with full_disk(path.parent):
        path.parent.mkdir(exist_ok=True)
        append_lines(path, *(said.model_dump() for said in verdicts))
        with path.open("rb") as file:
            os.fsync(file.fileno())
