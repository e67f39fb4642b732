"""Blocks of a text: which of its bytes pass a test, one bit each, in a few machine instructions.

A test is written once, as LLVM's vector instructions; where a kernel runs as Python, numpy carries them out.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from llvmlite import ir
from numpy.typing import NDArray

from thinkmix.curation.text.compiled import instruction

if TYPE_CHECKING:
    from numba import types
    from numba.core.typing.templates import Signature

Bytes = NDArray[np.uint8]

BLOCK = 64
"""Bytes that are tested together; a text is followed by this number of zeros, or more."""

_VECTOR = ir.VectorType(ir.IntType(8), BLOCK)


class Builder(Protocol):
    """The instructions that tests are made of; `ir.IRBuilder` has them."""

    def icmp_unsigned(self, cmpop: str, lhs: Any, rhs: Any) -> Any:  # noqa: ANN401 - llvmlite has no types
        """Compare bytes without a sign."""

    def sub(self, lhs: Any, rhs: Any) -> Any:  # noqa: ANN401
        """Subtract bytes, modulo 256."""

    def or_(self, lhs: Any, rhs: Any) -> Any:  # noqa: ANN401
        """Combine bits, where either has it."""

    def and_(self, lhs: Any, rhs: Any) -> Any:  # noqa: ANN401
        """Combine bits, where both have it."""


Test = Callable[[Any, Any], Any]
"""Of a builder and a block of bytes: which of them pass."""


def each(value: int) -> ir.Constant:
    """Return a block with this byte everywhere."""
    return ir.Constant(_VECTOR, [value] * BLOCK)


def within(builder: Builder, block: Any, first: str, last: str) -> Any:  # noqa: ANN401
    """Test whether bytes are from one ASCII character to another."""
    size = ord(last) - ord(first) + 1
    return builder.icmp_unsigned("<", builder.sub(block, each(ord(first))), each(size))


def machine_bits(test: Test) -> Callable[[Bytes, np.uint64], np.uint64]:
    """Return a function: which bytes of the block at a place pass `test`, one bit each.

    Written as vector instructions: a block takes a few of them, loops over bytes and bits take hundreds.
    """

    def emit(
        context: Any,  # noqa: ANN401 - numba's own has no types
        builder: ir.IRBuilder,
        signature: "Signature",
        values: Sequence[ir.Value],
    ) -> ir.Value:
        data = context.make_array(signature.args[0])(context, builder, values[0]).data
        place = builder.bitcast(builder.gep(data, [values[1]]), _VECTOR.as_pointer())
        return builder.bitcast(test(builder, builder.load(place, align=1)), ir.IntType(BLOCK))

    def bits(_: object, data: "types.Array", at: "types.Integer") -> "tuple[Signature, object]":
        from numba import types  # noqa: PLC0415 - only where something is compiled

        return types.uint64(data, types.int64), emit

    def in_python(data: Bytes, at: np.uint64) -> np.uint64:
        passed = test(_InPython(), data[int(at) : int(at) + BLOCK])
        return np.uint64(int.from_bytes(np.packbits(passed, bitorder="little").tobytes(), "little"))

    return instruction(bits, in_python)


def machine_lowest() -> Callable[[np.uint64], np.uint64]:
    """Return a function: the place of the lowest bit that is set, or 64."""

    def emit(_: object, builder: ir.IRBuilder, _types: "Signature", values: Sequence[ir.Value]) -> ir.Value:
        return builder.cttz(values[0], ir.Constant(ir.IntType(1), 0))

    def lowest(_: object, bits: "types.Integer") -> "tuple[Signature, object]":
        from numba import types  # noqa: PLC0415 - only where something is compiled

        return types.uint64(types.uint64), emit

    def in_python(bits: np.uint64) -> np.uint64:
        value = int(bits)
        return np.uint64((value & -value).bit_length() - 1 if value else BLOCK)

    return instruction(lowest, in_python)


class _InPython:
    """What `Builder` says, carried out at once on arrays of bytes."""

    def icmp_unsigned(self, cmpop: str, lhs: Any, rhs: Any) -> Any:  # noqa: ANN401
        compare = {"<": np.less, "<=": np.less_equal, "==": np.equal, ">=": np.greater_equal}[cmpop]
        return compare(_bytes(lhs), _bytes(rhs))

    def sub(self, lhs: Any, rhs: Any) -> Any:  # noqa: ANN401
        return _bytes(lhs) - _bytes(rhs)

    def or_(self, lhs: Any, rhs: Any) -> Any:  # noqa: ANN401
        return _bytes(lhs) | _bytes(rhs)

    def and_(self, lhs: Any, rhs: Any) -> Any:  # noqa: ANN401
        return _bytes(lhs) & _bytes(rhs)


def _bytes(value: Any) -> Any:  # noqa: ANN401
    return np.uint8(value.constant[0].constant) if isinstance(value, ir.Constant) else value  # of `each`
