"""What the doctor says of one thing: whether it is well, and what to do if not."""

from typing import Literal

from thinkmix.schemas.record import Record


class Diagnosis(Record):
    """One line of `thinkmix doctor`."""

    name: str
    status: Literal["ok", "warn", "fail"]
    """Whether it is well, may cost time or safety one day, or makes builds fail or unsafe."""
    detail: str
    """What was found."""
    advice: str = ""
    """What to do; empty if there is nothing to do."""


def diagnose(name: str, detail: str, *, warn: str = "", fail: str = "") -> Diagnosis:
    """Say that something is well; or not, with the advice what to do."""
    status: Literal["ok", "warn", "fail"] = "fail" if fail else "warn" if warn else "ok"
    return Diagnosis(name=name, status=status, detail=detail, advice=fail or warn)
