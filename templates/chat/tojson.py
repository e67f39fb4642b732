"""JSON as Qwen3 was trained on it, which its templates print for tools and arguments."""

import json


def tojson(value: object) -> str:
    """Return `value` as JSON the way Qwen3 was trained on it: spaces, no escapes, key order kept.

    Jinja's own filter of that name would escape `<>&'` and sort the keys.
    """
    return _ENCODER.encode(value)


_ENCODER = json.JSONEncoder(ensure_ascii=False)
