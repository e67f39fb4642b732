"""Nemotron and Megatron-Bridge: token ids packed into sequences, as parquet."""

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, pairwise
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from thinkmix.curation.export.handoff import DATA, PLAN, block, room
from thinkmix.curation.export.reading import IGNORE, TokenRow
from thinkmix.curation.export.record import Counts
from thinkmix.curation.export.token_rows import TokenRows, rows_of
from thinkmix.curation.export.version import Example
from thinkmix.schemas.manifest import Split

_SCRIPT = "train.py"
_ROWS_AT_ONCE = 64
_COLUMNS = pa.schema(
    [
        ("input_ids", pa.list_(pa.int32())),
        ("loss_mask", pa.list_(pa.int8())),
        ("seq_start_id", pa.list_(pa.int32())),
    ]
)


class Nemotron(TokenRows):
    """Token ids packed into sequences as parquet: `input_ids`, `loss_mask` and `seq_start_id`."""

    name: ClassVar[str] = "nemotron"
    readers: ClassVar[str] = "Nemotron's recipes and Megatron-Bridge"
    title: ClassVar[str] = "Megatron-Bridge"
    held: ClassVar[Mapping[str, str]] = {
        "prompt": "ids with loss_mask 0",
        "completion": "ids with loss_mask 1, which stands one place earlier",
        "prompt_tokens": "the place of the first 1 after a start, and one",
        "completion_tokens": "how many loss_mask are 1 after a start",
    }
    pitfalls: ClassVar[Mapping[str, str]] = {
        "its collator pairs the mask of a token with the label that follows: a mask over the answer itself "
        "leaves its first token untrained": "`loss_mask` stands one place before each token that is learned",
        "its own preparation renders chats, and masks by role": "the ids are ours, without a template",
        "a pack that is longer than the sequence length ends the run": (
            "the script states a length that every pack fits"
        ),
        "rows of a pack see each other without `cu_seqlens`": "`seq_start_id` says where each begins",
    }

    tokens: int = Field(default=4096, ge=16, le=1_048_576)
    """Most tokens of a pack; a longer row is a pack of its own."""

    def file(self, split: Split) -> str:
        """Return the name of the file that holds a split."""
        return f"{DATA}/{split}.idx.parquet"

    def write(self, examples: Iterable[Example], file: Path) -> None:
        """Write rows in their order: a pack ends where the next row does not fit."""
        rows = chain.from_iterable(map(rows_of, self.batches(examples)))
        with pq.ParquetWriter(file, _COLUMNS, compression="zstd") as out:
            packs: list[dict[str, list[int]]] = []
            for pack in self._packs(rows):
                packs.append(pack)
                if len(packs) == _ROWS_AT_ONCE:
                    out.write_batch(pa.RecordBatch.from_pylist(packs, schema=_COLUMNS))
                    packs = []
            if packs:
                out.write_batch(pa.RecordBatch.from_pylist(packs, schema=_COLUMNS))

    def read(self, file: Path) -> Iterator[TokenRow]:
        """Yield rows as the collator pairs them: the mask of a token stands for the label after it."""
        for batch in pq.ParquetFile(file).iter_batches(_ROWS_AT_ONCE):
            for pack in batch.to_pylist():
                ids, mask = pack["input_ids"], pack["loss_mask"]
                for start, end in pairwise([*pack["seq_start_id"], len(ids)]):
                    row, learned = ids[start:end], mask[start : end - 1]
                    labels = [token if yes else IGNORE for token, yes in zip(row[1:], learned, strict=True)]
                    yield TokenRow(row, [IGNORE, *labels])

    def configs(self, counts: Mapping[Split, Counts]) -> Mapping[str, str]:
        """Return the script."""
        length = max(self.tokens, room(counts))
        held_out = f'"{self.file("eval")}"' if "eval" in counts else "None"
        text = block(f'''
            """Train an adapter with Megatron-Bridge on the packs in data."""

            from megatron.bridge.data.builders.hf_dataset import FinetuningDatasetConfig
            from megatron.bridge.data.datasets.packed_sequence import PackedSequenceSpecs
            from megatron.bridge.recipes.qwen import qwen3_4b_peft_config
            from megatron.bridge.training.finetune import finetune
            from megatron.bridge.training.gpt_step import forward_step

            LENGTH = {length}  # no pack is longer

            config = qwen3_4b_peft_config(peft_scheme="lora")  # of the size of the model
            config.checkpoint.pretrained_checkpoint = {json.dumps(self.model)}
            config.peft.dim, config.peft.alpha = {PLAN.rank}, {PLAN.alpha}
            config.model.seq_length = LENGTH
            config.dataset = FinetuningDatasetConfig(
                seq_length=LENGTH,
                packed_sequence_specs=PackedSequenceSpecs(
                    packed_sequence_size=LENGTH,
                    packed_train_data_path="{self.file("train")}",
                    packed_val_data_path={held_out},
                ),
                do_validation={"eval" in counts},
                do_test=False,
            )
            finetune(config=config, forward_step_func=forward_step)
        ''')
        return {_SCRIPT: text}

    def line(self, counts: Mapping[Split, Counts]) -> str:
        """Return the command, for its container."""
        return f"torchrun --nproc-per-node gpu {_SCRIPT}"

    def _packs(self, rows: Iterable[TokenRow]) -> Iterator[dict[str, list[int]]]:
        ids: list[int] = []
        mask: list[int] = []
        starts: list[int] = []
        for row in rows:
            if ids and len(ids) + len(row.ids) > self.tokens:
                yield {"input_ids": ids, "loss_mask": mask, "seq_start_id": starts}
                ids, mask, starts = [], [], []
            starts.append(len(ids))
            ids += row.ids
            mask += [*(int(label != IGNORE) for label in row.labels[1:]), 0]
        if ids:
            yield {"input_ids": ids, "loss_mask": mask, "seq_start_id": starts}
