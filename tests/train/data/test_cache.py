"""Rows are encoded once; what is in the cache is what would be encoded now, or it is encoded again."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest

from tests.harness.builders import ROOT
from thinkmix.schemas.errors import TrainError
from thinkmix.templates.chat.tokenizer import encode
from thinkmix.train.data import cache
from thinkmix.train.data.cache import open_tokens
from thinkmix.train.data.rows import index_rows, read_manifest, sample_rows


@pytest.fixture
def opened(digest_of, tmp_path):
    """Open the tokens of a version's split, with the cache in one folder."""

    def open_(version, split="train", max_tokens=4096, rows=None, **settings):
        digest = digest_of(version)
        if rows is None:
            rows = index_rows(
                version, read_manifest(version, digest=digest), split=split, max_tokens=max_tokens
            )
        return rows, open_tokens(rows, split=split, mixture=digest, folder=tmp_path / "cache", **settings)

    return open_


@pytest.fixture
def encoded(monkeypatch):
    """Give the shards that are encoded from now on, in this process."""
    found, whole = [], cache._encode_shard
    monkeypatch.setattr(cache, "_encode_shard", lambda shard: (found.append(shard), whole(shard)))
    return found


def files(tmp_path):
    return sorted(path for path in (tmp_path / "cache").iterdir() if path.suffix == ".tokens")


def check(rows, tokens, examples):
    by_id = {row["id"]: row for row in examples}
    for number, name in enumerate(rows.frame["id"]):
        want = by_id[name]
        assert tokens.row(number).tolist() == encode(want["prompt"] + want["completion"])
        assert tokens.prompts[number] == want["prompt_tokens"]
    everything = np.arange(rows.frame.height)
    assert tokens.lengths(everything).tolist() == rows.lengths().tolist()
    assert tokens.trained(everything) == rows.frame["completion_tokens"].sum()


def test_rows_are_encoded_once_for_all_plans(publish, sums, opened, encoded, tmp_path):
    """A second run, of longer or shorter rows, or of some only, reads what the first one wrote."""
    version = publish(sums, shards=3)
    check(*opened(version), sums)
    assert len(encoded) == 3 + 3 + 2  # files of 11, 11 and 10 rows, in row groups of five
    rows, tokens = opened(version, max_tokens=40)
    assert rows.too_long > 0
    check(rows, tokens, sums)
    sampled = sample_rows(rows, per_source=3)
    check(*opened(version, rows=sampled), sums)
    assert len(encoded) == 8
    assert [path.name.count("train") for path in files(tmp_path)] == [1]


def test_splits_and_mixtures_have_caches_of_their_own(publish, sums, opened, encoded, tmp_path):
    """The name says mixture, split and tokenizer; another mixture with rows of the same number is encoded."""
    one = publish(sums[:8], held_out=sums[8:12], name="one")
    two = publish(sums[8:16], name="two")
    check(*opened(one), sums)
    check(*opened(one, split="eval"), sums)
    check(*opened(two), sums)
    assert len(files(tmp_path)) == 3
    assert all("aeb13307" in path.name for path in files(tmp_path))


def test_a_split_without_rows_has_no_tokens(publish, sums, opened, tmp_path):
    """A mixture may hold nothing out, and leaves no file for it."""
    _, tokens = opened(publish(sums), split="eval")
    assert len(tokens.ids) == tokens.trained(np.arange(0)) == 0
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("where", ["header", "sizes", "prompts", "ids", "last", "cut", "longer", "empty"])
def test_a_damaged_cache_is_made_again(publish, sums, opened, encoded, tmp_path, where):
    """One bit anywhere, a byte too few or too many, or nothing at all: it is noticed, and not used."""
    version = publish(sums)
    opened(version)
    [path] = files(tmp_path)
    good = path.read_bytes()
    at = {"header": 30, "sizes": 1024, "prompts": 1024 + 32 * 4, "ids": 1024 + 64 * 4, "last": len(good) - 1}
    if where in at:
        bad = bytearray(good)
        bad[at[where]] ^= 1
    else:
        bad = {"cut": good[:-1], "longer": good + b"\0", "empty": b""}[where]
    path.unlink()  # a run may have it mapped
    path.write_bytes(bad)
    before = len(encoded)
    check(*opened(version), sums)
    assert len(encoded) == 2 * before
    assert path.read_bytes() == good


def test_every_bit_of_the_header_counts(publish, sums, opened, tmp_path):
    """No header but the one that was written is believed."""
    version = publish(sums[:3])
    opened(version)
    [path] = files(tmp_path)
    good = path.read_bytes()
    key = {"format": cache.FORMAT, "mixture": "x"}
    assert cache._read(path, key) is None
    for at in range(0, 1024, 13):
        bad = bytearray(good)
        bad[at] ^= 1 << at % 8
        path.write_bytes(bad)
        assert cache._read(path, _key_of(good)) is None, at
    path.write_bytes(good)
    assert cache._read(path, _key_of(good)) is not None


def _key_of(content):
    import json  # noqa: PLC0415

    stated = json.loads(content[:1024])
    return {name: stated[name] for name in ("format", "mixture", "split", "tokenizer")}


def test_processes_write_the_same_bytes(publish, sums, opened, tmp_path, monkeypatch):
    """Where there is much to do, spawned processes encode shard by shard, and the file is the same."""
    version = publish(sums, shards=2)
    opened(version)
    [path] = files(tmp_path)
    alone = path.read_bytes()
    path.unlink()
    monkeypatch.setattr(cache, "_WORTH_PROCESSES", 0)
    check(*opened(version, workers=2), sums)
    assert path.read_bytes() == alone


def test_a_script_without_a_guard_encodes_in_processes(publish, sums, digest_of, tmp_path):
    """They do not run the script again, which would end them: it needs no `if __name__ == "__main__":`."""
    version = publish(sums, shards=2)
    script = (
        "from pathlib import Path\nfrom thinkmix.train.data import cache\n"
        "from thinkmix.train.data.rows import index_rows, read_manifest\n"
        f"version, digest = Path({str(version)!r}), {digest_of(version)!r}\n"
        "cache._WORTH_PROCESSES = 0\n"
        "rows = index_rows(version, read_manifest(version, digest=digest), split='train', max_tokens=4096)\n"
        "tokens = cache.open_tokens(rows, split='train', mixture=digest, folder=Path('cache'), workers=2)\n"
        "print(tokens.row(0).size)\n"
    )
    (tmp_path / "script.py").write_text(script)
    ended = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ended.stderr == ""
    assert int(ended.stdout) > 0


def test_a_row_that_is_refused_in_a_process_leaves_nothing(publish, sums, opened, tmp_path, monkeypatch):
    """The sentence is the same as without processes, and no cache of the others stays behind."""
    version = publish([*sums[:8], {**sums[8], "prompt_tokens": 1}])
    monkeypatch.setattr(cache, "_WORTH_PROCESSES", 0)
    with pytest.raises(TrainError, match=f"row {sums[8]['id']}: .* published as 1 \\+"):
        opened(version, workers=2)
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".lock"]


def test_a_cache_that_cannot_be_written_is_said(publish, sums, digest_of, tmp_path):
    """A file in the folder's place, a full disk: one sentence that names the folder."""
    (tmp_path / "cache").write_text("in the way")
    version = publish(sums)
    digest = digest_of(version)
    rows = index_rows(version, read_manifest(version, digest=digest), split="train", max_tokens=4096)
    with pytest.raises(TrainError, match=r"token cache in .*cache cannot be written or read: \w"):
        open_tokens(rows, split="train", mixture=digest, folder=tmp_path / "cache")


CRASH = """
import os, signal, sys
from pathlib import Path
from thinkmix.train.data import cache
from thinkmix.train.data.rows import index_rows, read_manifest
version, folder, digest = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
rows = index_rows(version, read_manifest(version, digest=digest), split="train", max_tokens=4096)
whole, left = cache._encode_shard, [int(sys.argv[4])]
def encode(shard):
    left[0] -= 1
    if left[0] < 0:
        print("holding", flush=True)
        os.kill(os.getpid(), signal.SIGKILL) if sys.argv[5] == "die" else signal.pause()
    whole(shard)
cache._encode_shard = encode
cache.open_tokens(rows, split="train", mixture=digest, folder=folder)
"""


def crashing(version, folder, digest, shards, how):
    command = [sys.executable, "-c", CRASH, str(version), str(folder), digest, str(shards), how]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_a_killed_run_leaves_no_cache_and_no_lock(publish, sums, opened, digest_of, tmp_path):
    """Half of the shards written, then kill -9: the next run encodes all, and nothing of it stays."""
    version = publish(sums)
    with crashing(version, tmp_path / "cache", digest_of(version), 3, "die") as dead:
        assert dead.wait(60) == -signal.SIGKILL
    assert files(tmp_path) == []
    check(*opened(version), sums)
    assert [path.suffix for path in sorted((tmp_path / "cache").iterdir())] == [".lock", ".tokens"]


def test_two_runs_at_once_make_one_cache(publish, sums, opened, digest_of, tmp_path):
    """Who comes second waits for the first; when that dies, it does the work itself."""
    version = publish(sums)
    with crashing(version, tmp_path / "cache", digest_of(version), 1, "wait") as first:
        assert first.stdout.readline() == "holding\n"
        with crashing(version, tmp_path / "cache", digest_of(version), 99, "die") as second:
            time.sleep(1.5)
            assert second.poll() is None
            assert files(tmp_path) == []
            os.kill(first.pid, signal.SIGKILL)
            assert second.wait(60) == 0
    assert len(files(tmp_path)) == 1
    check(*opened(version), sums)


def test_rows_of_another_version_do_not_pass_for_these(publish, sums, opened):
    """Row numbers lead to the rows' own positions in the files, whichever rows were left out."""
    version = publish(sums, shards=2)
    rows, _ = opened(version)
    odd = replace(rows, frame=rows.frame[1::2])
    check(*opened(version, rows=odd), sums)
