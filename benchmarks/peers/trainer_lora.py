"""Train with transformers' Trainer alone: `trainer_lora.py MODEL ROWS.parquet OUT SETTINGS.json`.

The head sees every position, as the Trainer does by itself (`"head": "all"`), or those that carry loss, which
takes the few lines of `compute_loss` below (`"trained"`). Rows come in the batches that they are given in.
Prints, as JSON, the seconds of `trainer.train()` alone, its steps and the loss of each.
"""

import json
import sys
from pathlib import Path

import pyarrow.parquet as pq
import torch
from peft import LoraConfig, get_peft_model
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoModelForCausalLM, Trainer, TrainingArguments

model, rows, out, settings = sys.argv[1:]
given = json.loads(Path(settings).read_text())
examples = pq.read_table(rows).to_pylist()


def padded(batch):
    """Return the rows of a batch, padded on the right, as every collator of transformers does."""
    rows = [examples[number] for number in batch[0]]
    ids, labels = ([torch.tensor(row[name]) for row in rows] for name in ("input_ids", "labels"))
    return {
        "input_ids": pad_sequence(ids, batch_first=True),
        "labels": pad_sequence(labels, batch_first=True, padding_value=-100),
        "attention_mask": pad_sequence([torch.ones_like(row) for row in ids], batch_first=True),
    }


class NarrowHead(Trainer):
    """A Trainer that works logits out for the positions that carry loss, and for no others."""

    def compute_loss(self, model, inputs, return_outputs=False, **settings):
        """Return the mean loss of the trained tokens of a batch."""
        labels = inputs.pop("labels")
        causal = model.get_base_model()
        states = causal.model(**inputs).last_hidden_state[:, :-1]
        trained = labels[:, 1:] != -100
        return cross_entropy(causal.lm_head(states[trained]).float(), labels[:, 1:][trained])


class InOrder(NarrowHead if given["head"] == "trained" else Trainer):
    """A Trainer that takes the batches in the order in which they are given."""

    def _get_train_sampler(self, *arguments):
        return torch.utils.data.SequentialSampler(given["batches"])


base = AutoModelForCausalLM.from_pretrained(model, dtype="float32", attn_implementation="sdpa")
base.config.use_cache = False
torch.manual_seed(given["seed"])
tuned = get_peft_model(
    base, LoraConfig(task_type="CAUSAL_LM", r=16, lora_alpha=32, target_modules="all-linear")
)
trainer = InOrder(
    model=tuned,
    args=TrainingArguments(
        output_dir=f"{out}/trainer", use_cpu=True, per_device_train_batch_size=1, num_train_epochs=1,
        learning_rate=given["learning_rate"], lr_scheduler_type="constant", weight_decay=0.0,
        max_grad_norm=1.0, seed=given["seed"], logging_steps=1, save_strategy="no", report_to="none",
        disable_tqdm=True, dataloader_pin_memory=False, remove_unused_columns=False,
    ),
    train_dataset=given["batches"],
    data_collator=padded,
)  # fmt: skip
done = trainer.train()
tuned.save_pretrained(f"{out}/adapter")  # as ours does
losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
print(json.dumps({"seconds": done.metrics["train_runtime"], "steps": done.global_step, "losses": losses}))
