"""What holds for all tests: no telemetry, no tokens of whoever runs them."""

import os

os.environ["DO_NOT_TRACK"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
for _name in (
    "HF_TOKEN",
    "HUGGING_FACE_HUB_TOKEN",
    "MODELSCOPE_API_TOKEN",
    "PREFECT_API_URL",
    "THINKMIX_STORE",
):
    os.environ.pop(_name, None)
