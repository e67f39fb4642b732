"""Training on a published mixture: a plan, exact tokens, and a loss on completions only.

Only this room knows torch, transformers and peft, and only `thinkmix.train.run.fit.fit` needs them: plans and
results can be read without the extra `thinkmix[train]`.
"""

import logging
import sys

# bitsandbytes is imported by peft wherever it is installed, and then advises on a kernel to be fetched.
logging.getLogger("bitsandbytes").setLevel(logging.ERROR)

# Where the package `kernels` is installed, too, it would fetch that kernel from the hub and run it: code that
# no version of ours names. As far as this process knows, the package is not installed.
sys.modules.setdefault("kernels", None)  # type: ignore[arg-type]
