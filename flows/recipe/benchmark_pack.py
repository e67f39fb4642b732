"""The shipped list of public evaluations, as benchmarks of a recipe."""

from functools import cache
from importlib.resources import files

from thinkmix.curation.decontaminate.settings import Benchmark, Decontamination


def with_pack(plan: Decontamination) -> Decontamination:
    """Return a plan with the shipped evaluations after its own, if it asks for them.

    A benchmark of the plan replaces the shipped one of its name: questions on this machine need no hub.
    """
    if not plan.pack:
        return plan
    stated = {benchmark.name for benchmark in plan.benchmarks}
    more = tuple(benchmark for benchmark in shipped_benchmarks() if benchmark.name not in stated)
    return plan.model_copy(update={"benchmarks": (*plan.benchmarks, *more)})


@cache
def shipped_benchmarks() -> tuple[Benchmark, ...]:
    """Return the evaluations of data/benchmarks.yaml."""
    import yaml  # noqa: PLC0415 - most recipes need no list

    text = (files("thinkmix.data") / "benchmarks.yaml").read_text(encoding="utf-8")
    return tuple(Benchmark.model_validate(stated) for stated in yaml.safe_load(text)["benchmarks"])
