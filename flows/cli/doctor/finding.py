"""What the doctor says of one thing: whether it is well, and what to do if not."""

from typing import Literal

from thinkmix.schemas.record import Record

Status = Literal["ok", "warn", "fail"]


class Finding(Record):
    """One line of `thinkmix doctor`."""

    name: str
    status: Status
    detail: str
    """What was found."""
    advice: str = ""
    """What to do; empty if there is nothing to do."""


def ok(name: str, detail: str) -> Finding:
    """Say that something is well."""
    return Finding(name=name, status="ok", detail=detail)


def warn(name: str, detail: str, advice: str) -> Finding:
    """Say that something may cost time, or safety, one day."""
    return Finding(name=name, status="warn", detail=detail, advice=advice)


def fail(name: str, detail: str, advice: str) -> Finding:
    """Say that builds fail, or are not safe, until something is done."""
    return Finding(name=name, status="fail", detail=detail, advice=advice)
