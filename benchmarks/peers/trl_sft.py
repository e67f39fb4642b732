"""Train with TRL's SFTTrainer on rows of ids and labels: `trl_sft.py MODEL ROWS.parquet OUT SETTINGS.json`.

Prints, as JSON, the seconds of `trainer.train()` alone, its steps and their mean loss.
"""

import json
import sys
from pathlib import Path

from datasets import load_dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast
from trl import SFTConfig, SFTTrainer

model, rows, out, settings = sys.argv[1:]
given = json.loads(Path(settings).read_text())
data = load_dataset("parquet", data_files=rows, split="train", cache_dir=f"{out}/cache")
tokenizer = PreTrainedTokenizerFast(
    tokenizer_file=given["tokenizer"], eos_token="<|im_end|>", pad_token="<|endoftext|>"
)
trainer = SFTTrainer(
    model=AutoModelForCausalLM.from_pretrained(model, dtype="float32", attn_implementation="sdpa"),
    args=SFTConfig(
        output_dir=f"{out}/trainer", use_cpu=True, bf16=False, gradient_checkpointing=False,
        per_device_train_batch_size=given["rows_at_once"], num_train_epochs=1, max_length=given["max_tokens"],
        packing=given["packing"], learning_rate=given["learning_rate"], lr_scheduler_type="cosine",
        warmup_steps=0.05, weight_decay=0.0, max_grad_norm=1.0, seed=given["seed"], logging_steps=1,
        save_strategy="no", report_to="none", disable_tqdm=True, dataloader_pin_memory=False,
    ),
    train_dataset=data,
    processing_class=tokenizer,
    peft_config=LoraConfig(task_type="CAUSAL_LM", r=16, lora_alpha=32, target_modules="all-linear"),
)  # fmt: skip
done = trainer.train()
losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
report = {"seconds": done.metrics["train_runtime"], "steps": done.global_step}
print(json.dumps({**report, "loss": sum(losses) / len(losses)}))
