"""AdapterHub's `adapters`: token ids, and a script that trains one of its adapters."""

import json
from collections.abc import Mapping
from typing import ClassVar

from thinkmix.curation.export.handoff import PLAN, block
from thinkmix.curation.export.hf_trainer import PITFALLS, SCRIPT, HfTrainer
from thinkmix.curation.export.record import Counts
from thinkmix.schemas.manifest import Split


class AdapterHub(HfTrainer):
    """Token ids as parquet, and a script that trains a LoRA of AdapterHub's `adapters`."""

    name: ClassVar[str] = "adapterhub"
    readers: ClassVar[str] = "AdapterHub's `adapters`"
    title: ClassVar[str] = "AdapterHub's adapters"
    tested: ClassVar[str] = "adapters 1.3.0"
    tool: ClassVar[str | None] = "adapters"
    pitfalls: ClassVar[Mapping[str, str]] = {
        **PITFALLS,
        "it needs transformers 4.57, which misreads configs that 5.x saved (`rope_theta` becomes 10,000)": (
            "give it a model as its makers published it, or one that `thinkmix merge` wrote"
        ),
        "its adapters are not those of peft": "load them by `adapters`, or merge them there",
    }

    def configs(self, counts: Mapping[Split, Counts]) -> Mapping[str, str]:
        """Return the script."""
        held_out = ', eval_dataset=rows["eval"]' if "eval" in counts else ""
        files = {split: self.file(split) for split in counts}
        text = block(f'''
            """Train a LoRA on the rows beside this file; every option of TrainingArguments may be given."""

            from dataclasses import dataclass

            import adapters
            from adapters import AdapterTrainer, LoRAConfig
            from datasets import load_dataset
            from transformers import (
                AutoModelForCausalLM, AutoTokenizer, DataCollatorForSeq2Seq, HfArgumentParser,
                TrainingArguments,
            )


            @dataclass
            class Place:
                model: str = {json.dumps(self.model)}


            place, args = HfArgumentParser((Place, TrainingArguments)).parse_args_into_dataclasses()
            rows = load_dataset("parquet", data_files={json.dumps(files)})
            tokenizer = AutoTokenizer.from_pretrained(place.model)
            model = AutoModelForCausalLM.from_pretrained(place.model, torch_dtype="auto")
            adapters.init(model)
            model.add_adapter("mixture", config=LoRAConfig(r={PLAN.rank}, alpha={PLAN.alpha}))
            model.train_adapter("mixture")
            trainer = AdapterTrainer(
                model=model, args=args, train_dataset=rows["train"]{held_out},
                data_collator=DataCollatorForSeq2Seq(tokenizer),  # pads ids, mask and labels (-100)
            )
            trainer.train()
            model.save_adapter(args.output_dir, "mixture")
        ''')
        return {SCRIPT: text}
