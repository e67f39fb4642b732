"""Read rows with convmerge's `auto` adapter: `convmerge_turns.py ROWS.json`; prints the turns of each."""

import json
import sys
from pathlib import Path

from convmerge.adapter_resolve import resolve_adapter
from convmerge.reasoning import to_field

adapter = resolve_adapter("auto", None)
found = []
for row in json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")):
    turns = []
    for message in (to_field(one) for example in adapter(row) for one in example.messages):
        text = message.content if isinstance(message.content, str) else ""
        turns.append((message.role, text.strip(), (message.reasoning or "").strip() or None))
    found.append(turns)
print(json.dumps(found))
