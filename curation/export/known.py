"""Every exporter that a person may name: one that joins is one import and one line here."""

from thinkmix.curation.export.adapterhub import AdapterHub
from thinkmix.curation.export.alpaca import Alpaca
from thinkmix.curation.export.alpaca_lora import AlpacaLora
from thinkmix.curation.export.axolotl import Axolotl
from thinkmix.curation.export.calibration import Calibration
from thinkmix.curation.export.colossalai import ColossalAi
from thinkmix.curation.export.contract import Exporter
from thinkmix.curation.export.deepspeed import DeepSpeed
from thinkmix.curation.export.evalscope import EvalScope
from thinkmix.curation.export.fastchat import FastChat
from thinkmix.curation.export.fsdp2 import Fsdp2
from thinkmix.curation.export.hf_trainer import HfTrainer
from thinkmix.curation.export.llamafactory import LlamaFactory
from thinkmix.curation.export.messages import Messages
from thinkmix.curation.export.nemotron import Nemotron
from thinkmix.curation.export.pretokenised import Pretokenised
from thinkmix.curation.export.rendered import Rendered
from thinkmix.curation.export.swift import Swift
from thinkmix.curation.export.torchtune import Torchtune
from thinkmix.curation.export.trl import Trl
from thinkmix.curation.export.unsloth import Unsloth
from thinkmix.schemas.errors import RecipeError
from thinkmix.schemas.plain import plain
from thinkmix.schemas.record import descriptions

EXPORTERS: tuple[type[Exporter], ...] = (
    Messages,
    Rendered,
    LlamaFactory,
    Swift,
    Trl,
    Pretokenised,
    Axolotl,
    Unsloth,
    Torchtune,
    HfTrainer,
    DeepSpeed,
    Fsdp2,
    AdapterHub,
    ColossalAi,
    FastChat,
    Alpaca,
    AlpacaLora,
    Nemotron,
    EvalScope,
    Calibration,
)
"""Every exporter, in the order in which they are shown."""

_SHOWN = 40


def exporter(name: str) -> type[Exporter]:
    """Return the exporter of a name.

    Raises:
        RecipeError: if there is no such exporter; names those that there are.
    """
    kinds = {kind.name: kind for kind in EXPORTERS}
    if name not in kinds:
        msg = f"there is no exporter {plain(name, _SHOWN)!r}; known are {', '.join(kinds)}"
        raise RecipeError(msg)
    return kinds[name]


def table() -> str:
    """Return all exporters and their options as markdown."""
    lines = ["| `--to` | what it writes | who reads it |", "|---|---|---|"]
    lines += [f"| `{kind.name}` | {_cell(kind.sentence())} | {_cell(kind.readers)} |" for kind in EXPORTERS]
    for kind in EXPORTERS:
        lines += [
            "",
            f"Of a version, `{kind.name}` holds:",
            "",
            "| column | where, or why not |",
            "|---|---|",
        ]
        lines += [f"| `{name}` | {_cell(where)} |" for name, where in kind.held.items()]
        lines += [f"| `{name}` | left out: {_cell(why)} |" for name, why in kind.left_out.items()]
        if kind.model_fields:
            lines += [
                "",
                "Its options (`--option NAME=VALUE`):",
                "",
                "| option | default | meaning |",
                "|---|---|---|",
            ]
            said = descriptions(kind)
            lines += [
                f"| `{name}` | `{field.default}` | {_cell(said.get(name, ''))} |"
                for name, field in kind.model_fields.items()
            ]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
