"""Whether a trainer reads an export as we train on its version: id by id, label by label."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as release
from pathlib import Path

from pydantic import ValidationError

from thinkmix.curation.export import read_by
from thinkmix.curation.export.contract import Exporter
from thinkmix.curation.export.differences import BY_RULE, Identity, Rows, compare_rows
from thinkmix.curation.export.reading import IGNORE, TokenRow, in_parts
from thinkmix.curation.export.record import MANIFEST, Export
from thinkmix.curation.export.version import Version
from thinkmix.flows.store.paths import reading
from thinkmix.flows.training.export import open_verified
from thinkmix.schemas.errors import NotFound, RecipeError, TrainError
from thinkmix.schemas.manifest import Split
from thinkmix.templates.chat.tokenizer import tokenizer_path
from thinkmix.train.data.encode import encode_pairs

_END_OF_BASE = "<|endoftext|>"
_TOLD = 2000
"""Most characters of what a tool said that are shown."""


def verify_export(version: Path, output: Path, *, to: Exporter) -> list[Identity]:
    """Compare what a trainer reads of an export with what training on the version reads, for each split.

    The rows are read by the rule of the exporter, and those of train by the tool, too, where it is installed
    beside Thinkmix.

    Args:
        version: the version that was exported, or its mixture's folder.
        output: the folder of the export.
        to: the exporter with the options that it was written with.

    Raises:
        NotFound: if the folder holds no export.
        RecipeError: if it is the export of another version or of other options, or no rule reads the form.
        TrainError: if the tool fails.
    """
    refuse_unreadable(to)
    told = read_manifest(output)
    with reading(version) as folder:
        _check_origin(told, to, folder)
        found = open_verified(folder)
        identities = [compare_by_rule(found, output, split, to=to) for split in told.splits]
        if "train" in told.splits and to.tool and (installed := _installed(to.tool)):
            with tempfile.TemporaryDirectory() as work:
                model = write_base_model(Path(work) / "model")
                rows = Path(work) / "rows.jsonl"
                run_tool(told, output, to=to, model=model, rows=rows)
                identities.append(compare_by_tool(found, rows, to=to, by=f"{to.tool} {installed}"))
        return identities


def refuse_unreadable(to: Exporter) -> None:
    """Refuse an exporter whose form no rule turns into ids and labels.

    Raises:
        RecipeError: with the way out.
    """
    if type(to).read is Exporter.read:
        msg = (
            f"no rule says which ids and labels a reader of {to.name} has: it renders the rows by itself, or "
            "trains on none; export rendered texts or ids (thinkmix export --list)"
        )
        raise RecipeError(msg)


def read_manifest(output: Path) -> Export:
    """Return the manifest of an export.

    Raises:
        NotFound: if the folder has none that can be read.
    """
    try:
        return Export.model_validate_json((output / MANIFEST).read_bytes())
    except (OSError, ValidationError):
        msg = f"{output} holds no export: its {MANIFEST} cannot be read; export without --verify first"
        raise NotFound(msg) from None


def compare_by_rule(version: Version, output: Path, split: Split, *, to: Exporter) -> Identity:
    """Compare a split as the rule of the exporter, which must have one, reads it."""
    file = output / to.file(split)

    def theirs() -> Iterator[TokenRow]:
        rows = to.read(file)
        assert rows is not None, f"{to.name} has no rule"
        return rows

    return _compare(version, split, theirs, to=to, by=BY_RULE)


def compare_by_tool(version: Version, rows: Path, *, to: Exporter, by: str) -> Identity:
    """Compare the rows of train with those that a tool wrote into a file.

    Args:
        version: what was exported.
        rows: what `run_tool` wrote.
        to: the exporter.
        by: the tool with its version.
    """

    def theirs() -> Iterator[TokenRow]:
        with rows.open(encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                yield TokenRow(row["ids"], row["labels"])

    return _compare(version, "train", theirs, to=to, by=by)


def run_tool(
    told: Export,
    output: Path,
    *,
    to: Exporter,
    model: Path,
    rows: Path,
    steps: int = 0,
    python: Path | str = sys.executable,
) -> dict[str, str]:
    """Have the tool of an exporter read the rows of train, and train some steps on the CPU.

    Args:
        told: the manifest of the export.
        output: its folder.
        to: the exporter, which names the tool and its command.
        model: a small model with the tokenizer of Qwen3.
        rows: file that the rows are written into.
        steps: how many steps to train.
        python: the interpreter in whose environment the tool is installed.

    Returns:
        The releases of the tool and of the libraries that it uses.

    Raises:
        TrainError: if it fails, with the end of what it said.
    """
    assert to.tool is not None, f"{to.name} has no tool"
    script = Path(read_by.__file__).with_name("run.py")
    words = to.words(told.splits)
    command = [python, script, to.tool, output, model, rows, steps, *words]
    with tempfile.TemporaryDirectory() as caches:
        environment = {
            **os.environ, "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": "", "HF_HOME": caches,
            "MODELSCOPE_CACHE": caches, "AXOLOTL_DO_NOT_TRACK": "1", "DO_NOT_TRACK": "1", "PYTHONPATH": "",
        }  # fmt: skip
        done = subprocess.run(
            list(map(str, command)),
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    if done.returncode:
        msg = (
            f"{to.tool} could not read {output} (exit code {done.returncode}): {done.stdout[-_TOLD:].strip()}"
        )
        raise TrainError(msg)
    releases: dict[str, str] = json.loads(done.stdout.strip().splitlines()[-1])
    return releases


def write_base_model(folder: Path) -> Path:
    """Write a tiny random model as Qwen3's base models are, and return its folder.

    The end token of its tokenizer is `<|endoftext|>`, which ends no row: a trainer that does not look at the
    rows appends it.
    """
    import torch  # noqa: PLC0415 - slow, and only needed here

    from thinkmix.train.model.loading import load_model  # noqa: PLC0415
    from thinkmix.train.model.model import quiet  # noqa: PLC0415
    from thinkmix.train.model.names import TINY_RANDOM  # noqa: PLC0415

    model = load_model(TINY_RANDOM, dtype=torch.float32)
    files = {path.name: path.read_bytes() for path in tokenizer_path().parent.iterdir()}
    settings = json.loads(files["tokenizer_config.json"]) | {"eos_token": _END_OF_BASE}
    tokens = json.loads(files["tokenizer.json"])["added_tokens"]
    end = next(token["id"] for token in tokens if token["content"] == _END_OF_BASE)
    model.config.eos_token_id = model.generation_config.eos_token_id = end
    with quiet():
        model.save_pretrained(folder)
    for name, content in {**files, "tokenizer_config.json": json.dumps(settings).encode()}.items():
        (folder / name).write_bytes(content)
    return folder


def _compare(version: Version, split: Split, theirs: Rows, *, to: Exporter, by: str) -> Identity:
    return compare_rows(
        lambda: _trained(version, split),
        theirs,
        lambda: (example.id for example in version.examples(split)),
        split=split,
        by=by,
        line_break=to.line_break,
    )


def _trained(version: Version, split: Split) -> Iterator[TokenRow]:
    """Yield the rows of a split as `thinkmix train` reads them."""
    for part in in_parts(version.examples(split)):
        columns: Sequence[Sequence[str]] = [
            [getattr(example, name) for example in part] for name in ("id", "prompt", "completion")
        ]
        ids, lengths = encode_pairs(*columns)
        end = 0
        for prompt, completion in lengths.tolist():
            row = ids[end : end + prompt + completion].tolist()
            end += prompt + completion
            yield TokenRow(row, [IGNORE] * prompt + row[prompt:])


def _check_origin(told: Export, to: Exporter, folder: Path) -> None:
    options = to.model_dump(mode="json")
    if (told.exporter, told.options) != (to.name, options):
        msg = (
            f"the folder holds an export to {told.exporter} with other options than to {to.name}: name these"
        )
        raise RecipeError(msg)
    if told.mixture_digest != folder.name:
        msg = f"the folder holds an export of version {told.mixture_digest[:12]}, not of {folder.name[:12]}"
        raise RecipeError(msg)


def _installed(tool: str) -> str | None:
    try:
        return release(tool)
    except PackageNotFoundError:
        return None
