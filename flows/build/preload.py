"""What a worker imports and loads before it has a shard, and while it has none."""

import gc

from thinkmix.curation.text.imports import without_gc


def prepare() -> None:
    """Import in a worker what its stages need, while the parent still looks for work."""
    with without_gc():
        import thinkmix.curation.audit.work  # noqa: PLC0415 - in the worker only
        import thinkmix.curation.decontaminate.work  # noqa: PLC0415
        import thinkmix.curation.dedup.work  # noqa: PLC0415
        import thinkmix.curation.publish.work  # noqa: PLC0415
        import thinkmix.curation.sample.work  # noqa: PLC0415
        import thinkmix.curation.validate.work  # noqa: F401, PLC0415
    gc.freeze()  # they live as long as the process: no garbage is looked for among them, nor at its end
    gc.set_threshold(50_000, 20, 20)  # rows make many objects and hardly a cycle


def load_ahead() -> None:
    """Load what takes longer than most shards: in a run with few changes a worker has time for it."""
    from thinkmix.curation.text.languages import languages  # noqa: PLC0415 - in the worker only
    from thinkmix.templates.chat.tokenizer import count_tokens, reference_tokenizer  # noqa: PLC0415

    count_tokens(["?"])
    languages(["?"])
    reference_tokenizer()
