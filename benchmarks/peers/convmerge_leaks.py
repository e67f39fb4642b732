"""Find texts that share words with questions by convmerge: `convmerge_leaks.py TEXTS.json` prints places.

The file holds an object of `questions` and `texts`. A text is found if 13 words in a row are in a question.
"""

import json
import sys
from pathlib import Path

from convmerge.decontam import EvalIndex

given = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
index = EvalIndex()
index.add("evaluations", given["questions"])
print(json.dumps([place for place, text in enumerate(given["texts"]) if index.match(text) is not None]))
