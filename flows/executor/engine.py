"""Where a build's shards are worked on; it decides nothing about a byte of the mixture."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import ByteSize, Field, ValidationError

from thinkmix.flows.recipe import recipe_errors
from thinkmix.schemas.errors import RecipeError
from thinkmix.schemas.record import Record

if TYPE_CHECKING:
    from thinkmix.flows.executor.workers import Workers

Address = Annotated[str, Field(max_length=1024)]


class Executor(Record):
    """The machines that work on shards: this one, or those of a Dask cluster."""

    kind: Literal["local", "dask"] = "local"
    """`local` for processes of this machine, `dask` for a cluster (needs the extra `thinkmix[dask]`)."""
    memory: ByteSize | None = Field(default=None, ge=2**29)
    """Most memory of a local worker, like `6GB`; an equal part of four fifths of the machine's if unset."""
    scheduler: Address | None = None
    """Address of the cluster's scheduler, like `tcp://10.0.0.7:8786`."""
    exchange: Address | None = None
    """fsspec URL through which machines without a shared store exchange files, like `s3://bucket/x`."""


LOCAL = Executor()


def executor_from_flags(**settings: object) -> Executor:
    """Return the engine that flags state; None is a flag that was not given.

    Raises:
        RecipeError: naming the flag that says something impossible.
    """
    given = {name: value for name, value in settings.items() if value is not None}
    try:
        return Executor.model_validate(given)
    except ValidationError as error:
        msg = f"engine: {recipe_errors.lines(error, given, Executor)[0]}"
        raise RecipeError(msg) from None


@contextmanager
def workers(
    engine: Executor, count: int | None, root: Path, prepare: Callable[[], None], spare: Callable[[], None]
) -> "Iterator[Workers]":
    """Yield who works on the shards of a build whose store lies at `root`.

    Args:
        engine: where they run.
        count: how many processes of this machine; unset means as many as cores and memory allow.
        root: the store.
        prepare: run by each process of this machine before its first shard.
        spare: run by each that has no shard.

    Raises:
        RecipeError: if settings of one engine were given to the other.
        ClusterError: if there is no such cluster, or it cannot work for this build.
    """
    if engine.kind == "local":
        if engine.scheduler or engine.exchange:
            msg = "--scheduler and --exchange are for --engine dask; the local engine uses neither"
            raise RecipeError(msg)
        from thinkmix.flows.executor.workers import processes  # noqa: PLC0415 - in a run without a change there are none

        with processes(count, engine.memory, spare=spare) as local:
            local.start(prepare)
            yield local
        return
    if not engine.scheduler:
        msg = "--engine dask needs --scheduler, the address of the cluster's scheduler"
        raise RecipeError(msg)
    if count or engine.memory:
        msg = "--workers and --worker-memory are for --engine local; a cluster's were set when it started"
        raise RecipeError(msg)
    from thinkmix.flows.executor.cluster import cluster  # noqa: PLC0415 - an extra

    with cluster(engine.scheduler, root=root, exchange=engine.exchange) as remote:
        yield remote
