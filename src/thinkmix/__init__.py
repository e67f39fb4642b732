"""Thinkmix: dataset engineering and curation for fine-tuning Qwen3."""
