"""Every gate that a recipe may state: a gate that joins is one import and one line here."""

from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from pydantic import Field, create_model

from thinkmix.curation.gates.absent import Absent
from thinkmix.curation.gates.bottleneck import Bottleneck
from thinkmix.curation.gates.column_extra import ColumnExtra
from thinkmix.curation.gates.column_gone import ColumnGone
from thinkmix.curation.gates.column_nulls import ColumnNulls
from thinkmix.curation.gates.column_type import ColumnType
from thinkmix.curation.gates.column_values import ColumnValues
from thinkmix.curation.gates.contamination import Contamination
from thinkmix.curation.gates.contract import Gate
from thinkmix.curation.gates.duplicates import Duplicates
from thinkmix.curation.gates.duplicates_growth import DuplicatesGrowth
from thinkmix.curation.gates.encoding import Encoding
from thinkmix.curation.gates.expected_rows import ExpectedRows
from thinkmix.curation.gates.flags import Flags
from thinkmix.curation.gates.killed import Killed
from thinkmix.curation.gates.layout import Layout
from thinkmix.curation.gates.lengths import Lengths
from thinkmix.curation.gates.near_duplicates import NearDuplicates
from thinkmix.curation.gates.new_reason import NewReason
from thinkmix.curation.gates.not_scanned import NotScanned
from thinkmix.curation.gates.quarantine import Quarantine
from thinkmix.curation.gates.quarantine_growth import QuarantineGrowth
from thinkmix.curation.gates.row_findings import RowFindings
from thinkmix.curation.gates.rows import Rows
from thinkmix.curation.gates.shares import Shares
from thinkmix.curation.gates.size import Size
from thinkmix.curation.gates.thinking import Thinking
from thinkmix.curation.gates.tokens import Tokens
from thinkmix.curation.gates.unread_fields import UnreadFields
from thinkmix.schemas.record import Record

GATES: tuple[type[Gate], ...] = (
    Rows,
    Tokens,
    Shares,
    Thinking,
    ExpectedRows,
    Quarantine,
    QuarantineGrowth,
    NewReason,
    Layout,
    ColumnGone,
    ColumnType,
    ColumnValues,
    ColumnNulls,
    ColumnExtra,
    Duplicates,
    NearDuplicates,
    DuplicatesGrowth,
    Lengths,
    Contamination,
    NotScanned,
    Killed,
    Encoding,
    UnreadFields,
    RowFindings,
    Flags,
    Size,
    Bottleneck,
    Absent,
)
"""Every gate, in the order in which they judge and are shown."""

Kind = TypeVar("Kind", bound=Gate)


class _Gates(Record):
    """What is looked at before a version becomes current; without an earlier one, only what needs none."""

    def of(self, kind: type[Kind]) -> Kind:
        """Return the settings of one gate."""
        gate = getattr(self, kind.name)
        assert isinstance(gate, kind), kind.name
        return gate

    def all(self) -> tuple[Gate, ...]:
        """Return every gate with its settings, in their order."""
        return tuple(self.of(kind) for kind in GATES)


_FIELDS: dict[str, Any] = {
    kind.name: (kind, Field(default=kind(), description=kind.sentence())) for kind in GATES
}

if TYPE_CHECKING:
    Gates: TypeAlias = _Gates
else:
    Gates = create_model("Gates", __base__=_Gates, __module__=__name__, __doc__=_Gates.__doc__, **_FIELDS)
"""Settings of all gates, each under its name."""
