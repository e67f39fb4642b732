"""Steps: an output is named by the function, the code that it can reach, and its arguments."""

from pathlib import Path
from typing import NamedTuple

import pytest

from thinkmix.curation.audit import work as audit_work
from thinkmix.curation.dedup import work as dedup_work
from thinkmix.curation.dedup.settings import BandPlan, DedupPlan
from thinkmix.curation.files.blob import Blob
from thinkmix.curation.publish import work as publish_work
from thinkmix.curation.rules.contract import Judging
from thinkmix.curation.rules.html_entities import HtmlEntities
from thinkmix.curation.rules.repetition import Repetition
from thinkmix.curation.sample import work as sample_work
from thinkmix.curation.sample.model_files import ModelFiles
from thinkmix.curation.sample.pools import PartFiles
from thinkmix.curation.validate import work as validate_work
from thinkmix.curation.validate.settings import Limits, TextSettings
from thinkmix.flows.build.step import argument_key, step, steps_of_pass
from thinkmix.schemas.formats.alpaca import Alpaca
from thinkmix.schemas.formats.sharegpt import ShareGPT
from thinkmix.schemas.record import narrow
from thinkmix.templates.chat.families.qwen3 import QWEN3

HERE, THERE = Blob(Path("a"), "1" * 64), Blob(Path("b"), "1" * 64, (7,), ("b", 3))


class Foreign(NamedTuple):
    one: object


def bands(**changes: object):
    """Return the step of hashing one shard, with changes of its plan."""
    return step(dedup_work.bands, keys=HERE, plan=narrow(DedupPlan(**changes), BandPlan))


def test_file_counts_by_what_it_holds():
    """Not by where it lies, nor by which region of its file it is."""
    assert bands().key == step(dedup_work.bands, keys=THERE, plan=narrow(DedupPlan(), BandPlan)).key
    other = Blob(Path("a"), "2" * 64)
    assert bands().key != step(dedup_work.bands, keys=other, plan=narrow(DedupPlan(), BandPlan)).key


def test_setting_that_a_function_does_not_take_is_not_in_its_key():
    """Another threshold leaves the bands of all texts where they are; another shingle does not."""
    assert bands(threshold=0.7).key == bands(numbers="distinguish").key == bands().key
    assert bands(shingle=6).key != bands().key


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (Path("x"), "keys is a path, which does not identify its content; give a Blob"),
        ({"a", "b"}, "keys is a set, which has no order; give a sorted tuple"),
        (frozenset(), "keys is a set"),
        (object(), "keys is of type object, which cannot be part of a key"),
        (len, "keys is of type builtin_function_or_method"),
        ({1: 2}, "keys has the key 1, which is not a string; give a sequence of pairs"),
        ([1, (2, Path("x"))], r"keys\[1\]\[1\] is a path"),
        ({"a": PartFiles(HERE, {2})}, r"keys\['a'\]\.lost is a set"),
        (Foreign(1), "keys is of type Foreign of tests.* whose code is not followed"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,  # a set has no order
)
def test_argument_that_no_key_can_hold_raises(value, sentence):
    """The sentence names the argument, however deep, and says what to give instead."""
    with pytest.raises(TypeError, match=sentence):
        step(dedup_work.bands, keys=value, plan=BandPlan())


def test_open_file_raises(tmp_path):
    """What is read from it depends on where it stands."""
    with (tmp_path / "f").open("wb") as file, pytest.raises(TypeError, match="cannot be part of a key"):
        argument_key(file)


def test_order_of_a_mapping_says_nothing_and_that_of_a_sequence_does():
    """Results that were read from a manifest have their keys in another order than fresh ones."""

    def key(value: object) -> str:
        return step(dedup_work.bands, keys=value, plan=BandPlan()).key

    assert key({"a": 1, "b": 2}) == key({"b": 2, "a": 1})
    assert key([1, 2]) != key([2, 1])
    assert key(float("nan")) == key(float("nan")) != key(None)
    assert key(Limits(1, 2)) != key([1, 2])


def test_format_brings_its_own_code_and_no_other():
    """A source of one format does not depend on how rows of another are read."""

    def code(format: object):
        settings = TextSettings(name="s", format=format)
        return step(sample_work.sample, settings=settings).decided.code.modules

    formats = "thinkmix.schemas.formats."
    assert f"{formats}sharegpt" in code(ShareGPT()).keys() - code(Alpaca()).keys()
    assert f"{formats}alpaca" in code(Alpaca()).keys() - code(ShareGPT()).keys()
    assert f"{formats}known" not in code(ShareGPT())


def test_rule_brings_its_own_code_and_no_other():
    """Validation without rules does not depend on what rules find; with one, on that one alone."""
    codes = [
        step(validate_work.validate, origin=Judging(rules)).decided.code.modules
        for rules in ((), (Repetition(action="flag"),), (HtmlEntities(action="flag"),))
    ]
    rules, kernel = "thinkmix.curation.rules", "thinkmix.curation.text.repeats"
    own = {f"{rules}.repetition", f"{rules}.html_entities", kernel}
    assert [own & code.keys() for code in codes] == [
        set(),
        {f"{rules}.repetition", kernel},
        {f"{rules}.html_entities"},
    ]


def test_pass_makes_what_is_missing_and_keys_each_piece_alone():
    """Keys of a pass are those of its pieces; the function is given the pieces whose output is wanted."""
    pieces = [Blob(Path(f"p{digit}"), digit * 64) for digit in "123"]
    model = ModelFiles.installed(QWEN3)
    whole = steps_of_pass(audit_work.compare_all, over="samples", model=model, samples=pieces)
    some = steps_of_pass(audit_work.compare_all, over="samples", model=model, samples=pieces[1:])
    assert len(set(whole.keys)) == 3
    assert whole.keys[1:] == some.keys
    assert [make.args for make in whole.make([2, 0])] == [(Path("p3"), QWEN3), (Path("p1"), QWEN3)]


def test_decided_names_arguments_field_by_field():
    """What is noted of a step is short: fields of records, and digests of files."""
    decided = bands().decided
    assert decided.function == "thinkmix.curation.dedup.work.bands"
    assert decided.arguments == {
        "keys": f"#{'1' * 16}",
        "plan.bands": "20",
        "plan.permutations": "120",
        "plan.seed": "1",
        "plan.shingle": "5",
    }


def test_pieces_of_work_in_one_module_do_not_share_their_code():
    """Publishing a shard does not depend on how dropped rows are read again, though both are in one file."""
    gather = step(publish_work.publish_shard, parts=[], target="t").decided.code.modules
    save = step(
        publish_work.write_rejects, piece=1, max_row_bytes=1, quarantine=HERE, later=HERE
    ).decided.code.modules
    assert "thinkmix.curation.read.read" in save.keys() - gather.keys()
    assert "thinkmix.curation.publish.work.publish_shard" in gather.keys() - save.keys()
