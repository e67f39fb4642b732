"""ColossalAI's ColossalChat: token ids as the folders of a saved dataset, and a tokenizer to pad with."""

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import pyarrow as pa

from thinkmix.curation.export.handoff import DATA, PLAN, block, room
from thinkmix.curation.export.reading import TokenRow
from thinkmix.curation.export.record import Counts
from thinkmix.curation.export.token_rows import TokenRows, rows_of
from thinkmix.curation.export.version import Example
from thinkmix.schemas.manifest import Split

_SCRIPT = "tokenizer_to_pad_with.py"
_ARROW = "data-00000-of-00001.arrow"
_FEATURE = {"feature": {"dtype": "int32", "_type": "Value"}, "_type": "List"}


class ColossalAi(TokenRows):
    """Token ids as folders of a saved dataset, as ColossalChat's `prepare_dataset.py` leaves them."""

    name: ClassVar[str] = "colossalai"
    readers: ClassVar[str] = "ColossalChat's `train_sft.py`"
    title: ClassVar[str] = "ColossalChat"
    pitfalls: ClassVar[Mapping[str, str]] = {
        "`prepare_dataset.py` adds a system turn, and a think block to no answer": "the rows are ids already",
        "`lora_finetune.py` fails on its own rows (`gt_answer`), and renders turn by turn": (
            "use `train_sft.py`, as below"
        ),
        "it pads with the end token and hides every token that equals it: with Qwen3's `<|im_end|>` the "
        "model cannot see where turns end": (
            f"`{_SCRIPT}` writes a tokenizer that ends with `<|endoftext|>`, which is in no row"
        ),
        "`--max_len` cuts rows, at 512 if it is not given": "it is one more than the longest row has",
        "the default of `--config_file` cannot be written": "the command names a file in a folder",
        "release 0.5.0 needs torch 2.5 or older": "give it an environment of its own",
    }

    def file(self, split: Split) -> str:
        """Return the name of the file that holds a split."""
        return f"{DATA}/{split}/{_ARROW}"

    def write(self, examples: Iterable[Example], file: Path) -> None:
        """Write some hundred rows at a time, as an Arrow stream."""
        with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_stream(sink, self.columns()) as out:
            for batch in self.batches(examples):
                out.write_batch(batch)

    def read(self, file: Path) -> Iterator[TokenRow]:
        """Yield the rows as they are."""
        with pa.memory_map(str(file)) as source, pa.ipc.open_stream(source) as batches:
            for batch in batches:
                yield from rows_of(batch)

    def files(self, counts: Mapping[Split, Counts]) -> Mapping[str, str]:
        """Return what makes a folder a saved dataset, the script, and the README."""
        made = dict(super().files(counts))
        features = dict.fromkeys(self.columns().names, _FEATURE)
        info = {"citation": "", "description": "", "features": features, "homepage": "", "license": ""}
        for split in counts:
            state: dict[str, object] = {
                "_data_files": [{"filename": _ARROW}],
                "_fingerprint": "0" * 16,
                "_format_columns": None,
                "_format_kwargs": {},
                "_format_type": None,
                "_output_all_columns": False,
                "_split": split,
            }
            made[f"{DATA}/{split}/state.json"] = json.dumps(state, indent=2) + "\n"
            made[f"{DATA}/{split}/dataset_info.json"] = json.dumps(info, indent=2) + "\n"
        return made

    def configs(self, counts: Mapping[Split, Counts]) -> Mapping[str, str]:
        """Return the script that writes the tokenizer."""
        text = block(f'''
            """Write the model's tokenizer with another end token, for padding alone: no row is tokenised."""

            from transformers import AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained({json.dumps(self.model)})
            tokenizer.eos_token = tokenizer.pad_token = "<|endoftext|>"
            tokenizer.save_pretrained("tokenizer")
        ''')
        return {_SCRIPT: text}

    def line(self, counts: Mapping[Split, Counts]) -> str:
        """Return the command, for a checkout of ColossalAI whose folder ColossalChat is named by `CHAT`."""
        return (
            f"python {_SCRIPT} && torchrun --nproc-per-node gpu "
            f'"$CHAT/examples/training_scripts/train_sft.py" --pretrain {shlex.quote(self.model)} '
            f"--tokenizer_dir tokenizer --dataset {DATA}/train --max_len {room(counts)} --plugin ddp "
            f"--lora_rank {PLAN.rank} --lr {PLAN.learning_rate} --max_epochs 1 --batch_size 1 "
            "--save_path trained --config_file trained/config.json"
        )
