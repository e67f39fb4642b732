"""The seam of an example: no token may span the end of the prompt, which stands alone at inference."""

from thinkmix.templates.chat.tokenizer import encode

_SHOWN = 12
"""Characters on each side of the seam that a problem shows."""


def seam_problem(prompt: str, completion: str) -> str | None:
    """Return how a token spans the end of the prompt, or None if none does.

    Trainers that encode the whole text would then train other tokens than trainers that encode its parts,
    and the model would learn from other tokens than it reads at inference.
    """
    if _surely_apart(prompt, completion):
        return None
    if encode(prompt + completion) == encode(prompt) + encode(completion):
        return None
    seam = f"{prompt[-_SHOWN:]!r} + {completion[:_SHOWN]!r}"
    return f"a token spans the end of the prompt ({seam})"


def _surely_apart(prompt: str, completion: str) -> bool:
    r"""Return whether no token can span the seam, which spares encoding both sides twice.

    Qwen3's tokenizer cuts text into pieces before it merges. A line break ends a piece unless another one
    follows with at most white space between them (`\s*[\r\n]+`), and it composes with no mark.
    """
    if not prompt.endswith("\n"):
        return False
    if not completion[:1].isspace():
        return True
    blank = completion[: len(completion) - len(completion.lstrip())]
    return "\n" not in blank and "\r" not in blank
