"""Thinkmix in Python: what its commands do, as functions. `import thinkmix` takes milliseconds.

    build           make a mixture from its recipe and publish it
    load_version    its examples, as a `datasets.DatasetDict`
    explain         what became of a row, and why
    verify          whether every byte is what the manifest says
    train           an adapter or a model from it
    render_chat     the text that Qwen3 reads for a chat
    minhashes       the sketches that near-duplicates are found by, as datasketch's

Each imports what it needs when it is called. What a person must fix is a `ThinkmixError`, whose subclasses
`thinkmix.schemas.errors` draws; its `code` is a word for machines, its `exit_code` that of the command.

The variables that the command line reads (`THINKMIX_STORE`, `THINKMIX_ENGINE`, …) are not read here:
arguments say all. Those of hubs (`HF_ENDPOINT`, `HF_TOKEN`, …) are read as ever. Workers do not run the
script that builds again, so it needs no `if __name__ == "__main__":`.
"""

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datasets import DatasetDict
    from datasketch import MinHash
    from rich.console import Console

    from thinkmix.flows.build.pipeline import Built
    from thinkmix.flows.inspect.explain import Explanation
    from thinkmix.schemas.conversation import Message
    from thinkmix.schemas.errors import ThinkmixError
    from thinkmix.train.output.result import TrainResult

    __version__: str

__all__ = [
    "Built",
    "Explanation",
    "ThinkmixError",
    "TrainResult",
    "__version__",
    "build",
    "explain",
    "load_version",
    "minhashes",
    "render_chat",
    "train",
    "verify",
]

StrPath = str | os.PathLike[str]


def _refuse_lost_links() -> None:
    """End with a sentence where git or an unpacker wrote files in place of the links to the rooms.

    Raises:
        ImportError: if a program imports the package; the command ends without a traceback.
    """
    rooms = ("curation", "data", "flows", "schemas", "templates", "train")
    lost = next((room for room in rooms if not (Path(__file__).parent / room).is_dir()), None)
    if lost is None:
        return
    msg = (
        f"{Path(__file__).parent / lost} is not a folder: the checkout has lost its symbolic links; "
        "run `make links` in it, on Linux or macOS, and install it again"
    )
    if Path(*sys.argv[:1]).name == "thinkmix":
        sys.exit(f"thinkmix: {msg}")
    raise ImportError(msg)


_refuse_lost_links()


def build(
    recipe: StrPath,
    *,
    store: StrPath = "build/store",
    workers: int | None = None,
    worker_memory: str | None = None,
    engine: Literal["local", "dask"] | None = None,
    scheduler: str | None = None,
    exchange: str | None = None,
    unit: Literal["examples", "tokens", "trainable_tokens"] | None = None,
    size: int | None = None,
    seed: int | None = None,
    frozen: bool = False,
    progress: bool = True,
) -> "Built":
    """Build a mixture and publish it as the store's current version, like `thinkmix build --direct`.

    If nothing has changed since the last build, no stage runs and `status` is `unchanged`. A training that
    the recipe asks for (`train:`) follows; one that fails is told on the error stream and leaves the
    version as it is. No Prefect server and no webhook is told.

    Args:
        recipe: name of a shipped recipe, or path of a YAML file.
        store: folder of the store; made if it is not there.
        workers: worker processes, 1 or more; unset means as many as cores, CPU quota and memory allow.
        worker_memory: most memory of a worker, such as `6GB`; unset means an equal part of the machine's.
        engine: who works on the shards: `local`, processes of this machine, which is meant if unset, or
            `dask`.
        scheduler: address of the Dask cluster's scheduler, such as `tcp://10.0.0.7:8786`.
        exchange: fsspec URL to exchange files through if the cluster does not see the store.
        unit: what shares and size count, instead of what the recipe says.
        size: how many of these the mixture has, instead of what the recipe says.
        seed: decides the draw, instead of the recipe's.
        frozen: refuse to build unless every source is what the current version was made from.
        progress: whether to draw bars and print notes on the error stream.

    Returns:
        What the build came to: `version` is the folder of the version, `digest` its name, `manifest` and
        `run` say all of it.

    Raises:
        RecipeError: if there is no such recipe, or it or an argument says something impossible.
        SourceError: if a source cannot be read.
        MixtureError: if the shares cannot be reached with the rows that are left.
        Blocked: if a gate blocks the version: it is in the store, and the one before stays current.
        ThinkmixError: for everything else that a person must fix.

    Example:
        >>> import thinkmix
        >>> built = thinkmix.build("sample-7-3", workers=1)
        >>> built.status
        'published'
        >>> sorted({share.source for share in built.manifest.shares})
        ['chat', 'math', 'tools']
    """
    from thinkmix.flows.build.pipeline import build  # noqa: PLC0415
    from thinkmix.flows.build.watch import Watch  # noqa: PLC0415
    from thinkmix.flows.cli.show.events import bars  # noqa: PLC0415
    from thinkmix.flows.executor.engine import executor_from_flags  # noqa: PLC0415 - here and below: `import thinkmix` is instant
    from thinkmix.flows.recipe.recipes import load, override  # noqa: PLC0415
    from thinkmix.flows.store.store import Store  # noqa: PLC0415
    from thinkmix.flows.training.after_build import after_build  # noqa: PLC0415

    located = load(os.fspath(recipe))
    with bars(_console(shown=progress)) as notify:
        place = Store(Path(store).resolve())
        built = build(
            override(located.recipe, unit=unit, size=size, seed=seed),
            place,
            base=located.base,
            processes=workers,
            engine=executor_from_flags(
                kind=engine, memory=worker_memory, scheduler=scheduler, exchange=exchange
            ),
            watch=Watch(notify=notify),
            frozen=frozen,
        )
        after_build(
            built,
            place,
            located.base,
            training=located.train,
            train=lambda training_job: training_job.run(notify),
        )
    return built


def load_version(path: StrPath, *, check: bool = True, cache_dir: StrPath | None = None) -> "DatasetDict":
    r"""Return the examples of a version, as the version's own card tells `datasets` to read them.

    Nobody collects the version while it is read. `datasets` copies the rows as Arrow into its cache and
    maps them from there, so they can be used after the version is gone. That cache is not part of the store:
    it lies in `~/.cache/huggingface/datasets` (or where `HF_DATASETS_CACHE` says), in a folder named by the
    version's digest, takes more room than the version's parquet files (six times that of the sample), and
    stays until you remove it. `thinkmix gc` does not know it.

    Args:
        path: a version's folder, or a mixture's folder for its current version.
        check: whether to hash every file of the version first, as `verify` does: a second of a core per GB.
        cache_dir: folder of the cache instead.

    Returns:
        The splits `train` and `eval`; without `eval` if nothing was held out. A row is an example:
        `prompt` and `completion` are text, `prompt_tokens` and `completion_tokens` their lengths in tokens of
        Qwen3; docs/store.md has all columns.

    Raises:
        NotFound: if it is neither a version nor a mixture, or no version of the mixture is current.
        StoreCorrupt: if a file of the version is not what its manifest says.

    Example:
        >>> mixture = thinkmix.load_version("build/store/sample-7-3")
        >>> sorted(mixture)
        ['eval', 'train']
        >>> mixture["train"][0]["completion"][-11:]
        '<|im_end|>\n'
    """
    from datasets import load_dataset  # noqa: PLC0415

    from thinkmix.flows.store.paths import reading  # noqa: PLC0415

    with reading(Path(path)) as folder:
        if check:
            _check_whole(folder)
        return load_dataset(str(folder), cache_dir=cache_dir and os.fspath(cache_dir))


def explain(row_id: str, *, version: StrPath) -> "Explanation":
    """Return what became of a row at every stage and why, like `thinkmix explain`.

    Args:
        row_id: id of a row or of an example; its first digits are enough.
        version: a version's folder, a mixture's folder, or the folder of a run that failed.

    Returns:
        `rows` are the rows of that id, several if they are exact duplicates, each with the verdicts of all
        stages; `mates` other rows of its cluster; `comparison` the row beside the one that stayed instead,
        with their Jaccard similarity, 0 to 1, and the passages that they share.

    Raises:
        NotFound: if there is no such version, or if no row or more than one has an id that starts so.

    Example:
        >>> told = thinkmix.explain("78aae3", version="build/store/sample-7-3")
        >>> told.rows[0].stage, told.rows[0].reason
        ('dedup', 'near_dup')
        >>> told.comparison.jaccard > 0.8
        True
    """
    from thinkmix.flows.inspect.explain import explain  # noqa: PLC0415
    from thinkmix.flows.store.paths import reading_rows  # noqa: PLC0415

    with reading_rows(Path(version)) as folder:
        return explain(folder, row_id)


def verify(path: StrPath) -> Path:
    """Hash every file of a version again, and raise if anything is wrong.

    The command prints what is wrong and ends with 5; here that is an error with the same exit code, because
    a list of problems that nobody looks at would let a damaged version pass.

    Args:
        path: a version's folder, or a mixture's folder for its current version.

    Returns:
        The folder of the version that is whole.

    Raises:
        NotFound: if it is neither a version nor a mixture, or no version of the mixture is current.
        StoreCorrupt: if a file is missing, too many, or not what the manifest says; names each.

    Example:
        >>> thinkmix.verify("build/store/sample-7-3").name == built.digest
        True
    """
    from thinkmix.flows.store.paths import reading  # noqa: PLC0415

    with reading(Path(path)) as folder:
        _check_whole(folder)
        return folder


def train(
    version: StrPath,
    *,
    model: StrPath | None = None,
    output: StrPath,
    adapter: StrPath | None = None,
    plan: StrPath | None = None,
    preset: str | None = None,
    restart: bool = False,
    token_cache: StrPath | None = None,
    report_to: "Sequence[str]" = (),
    progress: bool = True,
    **settings: object,
) -> "TrainResult":
    """Train on a version whose every byte was verified just now, like `thinkmix train`.

    Needs `thinkmix[train]`. A run that was killed goes on where its last checkpoint (`save_every`) left it.
    Of several processes that torchrun starts, the first one speaks. In a process that trains, the package
    `kernels` cannot be imported afterwards: with it, `peft` would fetch code from the hub and run it.

    Args:
        version: a version's folder, or a mixture's folder for its current version.
        model: `tiny-random`, a local folder, or the hub id of a dense Qwen3; unset means the base that
            `adapter` names, or `tiny-random` without one.
        output: new folder for the adapter or the model.
        adapter: folder of an adapter to train further, ours or one of peft; unset begins a fresh one.
        plan: YAML file with the training plan; `settings` override it.
        preset: size of Qwen3, such as `8B`: sets what neither plan nor settings say.
        restart: whether to drop the checkpoints that a killed run left of `output`.
        token_cache: folder in which encoded rows are kept for later runs; one in the store if unset.
        report_to: monitors that are told of each step: `tensorboard`, `mlflow`, `swanlab`, `wandb`.
        progress: whether to draw a bar and print notes on the error stream.
        settings: fields of `thinkmix.schemas.training.TrainPlan`, such as `method="qlora4"`,
            `max_steps=200` or `learning_rate=1e-4`; docs/training.md has all.

    Returns:
        The manifest of the run, as it lies in `output` as `training.json`. Losses are means in nats per
        trained token: `losses` of each step, `eval_before` and `eval_after` of the held-out rows.

    Raises:
        RecipeError: if the plan has no such setting, or says something impossible.
        NotFound: if there is no such version.
        StoreCorrupt: if the version is not what its manifest says.
        TrainError: if the run cannot start or go on; `Forgotten` and `ThinkingModeFailed` are among these.

    Example:
        >>> result = thinkmix.train(
        ...     "build/store/sample-7-3",
        ...     model="tiny-random",
        ...     output="build/adapter",
        ...     max_steps=2,
        ...     batch=256,
        ...     max_tokens=256,
        ...     eval_rows=1,
        ... )
        >>> len(result.losses), result.mixture_digest == built.digest
        (2, True)
    """
    from thinkmix.flows.recipe.plans import load_plan  # noqa: PLC0415
    from thinkmix.flows.training.monitors.watching import monitors_named, watched  # noqa: PLC0415
    from thinkmix.flows.training.pace import progress_bar, speaks  # noqa: PLC0415
    from thinkmix.flows.training.run import run_training  # noqa: PLC0415

    stated = load_plan(Path(plan) if plan else None, preset=preset, flags=settings)
    chosen, folder = monitors_named(report_to), Path(output)
    base = os.fspath(model) if model else None
    with (
        progress_bar(_console(shown=progress and speaks())) as drawn,
        watched(drawn, chosen, version=Path(version), model=base, plan=stated, output=folder) as view,
    ):
        return run_training(
            Path(version),
            model=base,
            plan=stated,
            output=folder,
            view=view,
            adapter=Path(adapter) if adapter else None,
            restart=restart,
            cache=Path(token_cache) if token_cache else None,
        )


def render_chat(
    messages: "Sequence[Mapping[str, object] | Message]",
    *,
    tools: Iterable[object] | None = None,
    template: str = "qwen3",
    add_generation_prompt: bool = False,
    enable_thinking: bool | None = None,
) -> str:
    r"""Return the text that Qwen3 reads for a chat, equal to the official template's byte for byte.

    Like the official template it drops what it does not know: turns of other roles, content that is not
    text, and the traces of earlier queries.

    Args:
        messages: turns as mappings with `role`, `content`, `reasoning_content` and `tool_calls`.
        tools: definitions of tools, printed in the system turn as they are.
        template: name of a chat template, see docs/recipes.md.
        add_generation_prompt: whether to end with the opening of the assistant's turn.
        enable_thinking: `False` ends a hybrid's generation prompt with an empty trace.

    Raises:
        TemplateError: for no messages, a leading system turn without text, and what is not JSON.

    Example:
        >>> thinkmix.render_chat([{"role": "user", "content": "2 + 2?"}], add_generation_prompt=True)
        '<|im_start|>user\n2 + 2?<|im_end|>\n<|im_start|>assistant\n'
    """
    from thinkmix.templates.chat.families.known import family_of  # noqa: PLC0415
    from thinkmix.templates.chat.render import render_chat  # noqa: PLC0415

    return render_chat(
        messages,
        tools=tools,
        family=family_of(template),
        add_generation_prompt=add_generation_prompt,
        enable_thinking=enable_thinking,
    )


def minhashes(
    texts: Iterable[str], *, shingle: int = 5, permutations: int = 120, seed: int = 1
) -> "list[MinHash]":
    """Return datasketch's `MinHash` of each text, with the values that builds find near-duplicates by.

    They go into datasketch's indices, and sketches that datasketch made go with them: the scheme is its
    `affine32`. `MinHashLSH(num_perm=permutations, params=(bands, permutations // bands))`, with 20 bands
    unless the recipe says otherwise, proposes the pairs that a build compares; the build then takes the
    true Jaccard similarity of their shingles.

    Args:
        texts: what is compared in a build: questions, without their answers.
        shingle: words, or in scripts without spaces characters, to a shingle, 1 to 32; `dedup.shingle`.
        permutations: values of a sketch; `dedup.permutations`.
        seed: of the permutations, 0 to 2^32 - 1; `dedup.seed`.

    Example:
        >>> one, other = thinkmix.minhashes(["How many apples has Tom?", "how many apples has Tom"])
        >>> one.jaccard(other), len(one)
        (1.0, 120)
    """
    import polars as pl  # noqa: PLC0415
    from datasketch import MinHash  # noqa: PLC0415

    from thinkmix.curation.text.minhash import signatures  # noqa: PLC0415

    rows = pl.Series(list(texts), dtype=pl.String)
    signed = signatures(rows, shingle=shingle, permutations=permutations, seed=seed)
    return [MinHash(permutations, seed=seed, scheme="affine32", hashvalues=values) for values in signed]


def _check_whole(version: Path) -> None:
    """Raise if a byte of a version is not what its manifest says.

    Raises:
        StoreCorrupt: with all that is wrong.
    """
    from thinkmix.flows.store.versions import problems  # noqa: PLC0415
    from thinkmix.schemas.errors import StoreCorrupt  # noqa: PLC0415

    if found := problems(version):
        msg = f"{version} is damaged: {'; '.join(found)}"
        raise StoreCorrupt(msg)


def _console(*, shown: bool) -> "Console":
    from rich.console import Console  # noqa: PLC0415

    return Console(stderr=True, highlight=False, quiet=not shown)


if not TYPE_CHECKING:  # a type checker must see names that there are not

    def __getattr__(name: str) -> object:
        """Return the version number, or a class of what the functions return, when it is asked for."""
        if name == "__version__":
            from importlib.metadata import version  # noqa: PLC0415

            return version("thinkmix")
        if name in _WHERE:
            from importlib import import_module  # noqa: PLC0415

            return getattr(import_module(_WHERE[name]), name)
        msg = f"module 'thinkmix' has no attribute {name!r}"
        raise AttributeError(msg, name=name)

    def __dir__() -> list[str]:
        return sorted(__all__)

    _WHERE = {
        "Built": "thinkmix.flows.build.pipeline",
        "Explanation": "thinkmix.flows.inspect.explain",
        "ThinkmixError": "thinkmix.schemas.errors",
        "TrainResult": "thinkmix.train.output.result",
    }

    class _Called(ModuleType):
        """The room `train`, which is called like the function of that name."""

        def __call__(self, version: StrPath, **settings: object) -> "TrainResult":
            return _train(version, **settings)

        __call__.__doc__ = train.__doc__

    class _Package(ModuleType):
        """This package, in which Python puts the room `train` in the place of the function, once imported."""

        def __setattr__(self, name: str, value: object) -> None:
            if name == "train" and isinstance(value, ModuleType):
                value.__class__ = _Called
            super().__setattr__(name, value)

    _train = train
    sys.modules[__name__].__class__ = _Package
