"""Encodings of text other than UTF-8: text of a stated one as UTF-8, and which one bytes seem to be."""

from codecs import IncrementalDecoder, getincrementaldecoder
from collections.abc import Callable
from io import BufferedReader, RawIOBase
from typing import TYPE_CHECKING

from thinkmix.schemas.errors import SourceError

if TYPE_CHECKING:
    from typing_extensions import Buffer

UNKNOWN = "unknown"
"""The name of an encoding that nothing tells."""

SAMPLE = 64 * 1024
"""Bytes that suffice to tell an encoding."""

_BLOCK = 1024 * 1024

_LEVEL_1 = b"\xb0\xa1", b"\xd7\xf9"
"""The first and the last character of the first level of GB 2312."""

_MARKS = frozenset("，。！？；：、（）《》“”‘’—…·　")


def recoded(read: Callable[[int], bytes], encoding: str) -> BufferedReader:
    """Return a stream of text in UTF-8.

    Args:
        read: returns the next bytes of the text, at most as many as asked for, none at its end.
        encoding: what they are.

    Raises:
        SourceError: while it is read, naming the place of the first bytes that are no text of the encoding.
    """
    return BufferedReader(_Recoded(read, encoding), _BLOCK)


def likely(sample: bytes) -> str:
    """Return the encoding that bytes of text seem to have, `UNKNOWN` if none decodes them all."""
    from charset_normalizer import from_bytes  # noqa: PLC0415 - few files are not UTF-8

    if _is_chinese(sample):
        return "gb18030"
    best = from_bytes(sample).best()
    return UNKNOWN if best is None or best.encoding in ("utf_8", "ascii") else best.encoding.replace("_", "-")


def _is_chinese(sample: bytes) -> bool:
    """Return whether bytes are Chinese text in GBK, which statistics take for Korean in short samples.

    Nine of ten characters are of the first level of GB 2312, the 3,755 usual ones, or its punctuation, and
    read as Korean less than nine of ten are Hangul.
    """
    text, korean = (_decoded(sample, encoding) for encoding in ("gb18030", "cp949"))
    letters = [char for char in text if not char.isascii()]
    usual = sum(char in _MARKS or _LEVEL_1[0] <= char.encode("gb18030") <= _LEVEL_1[1] for char in letters)
    hangul = [char for char in korean if not char.isascii()]
    is_korean = bool(hangul) and sum("가" <= char <= "힣" for char in hangul) >= 0.9 * len(hangul)
    return bool(letters) and usual >= 0.9 * len(letters) and not is_korean


def _decoded(sample: bytes, encoding: str) -> str:
    """Return a sample as text, whose last character may be cut off; empty if it cannot be decoded."""
    decoder = getincrementaldecoder(encoding)("strict")
    try:
        return decoder.decode(sample)
    except UnicodeDecodeError:
        return ""


class _Recoded(RawIOBase):
    """Text of an encoding, read as UTF-8."""

    def __init__(self, read: Callable[[int], bytes], encoding: str) -> None:
        self._read = read
        self._encoding = encoding
        self._decoder: IncrementalDecoder = getincrementaldecoder(encoding)("strict")
        self._text = b""
        self._done = 0
        self._ended = False

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def readinto(self, buffer: "Buffer", /) -> int:
        """Fill a buffer as far as there is text; return how many bytes that is."""
        view = memoryview(buffer).cast("B")
        while not self._text and not self._ended:
            self._text = self._next()
        size = min(len(view), len(self._text))
        view[:size] = self._text[:size]
        self._text = self._text[size:]
        return size

    def _next(self) -> bytes:
        """Return the next block as UTF-8."""
        block = self._read(_BLOCK)
        self._ended = not block
        waiting = len(self._decoder.getstate()[0])  # the beginning of a character that the last block cut
        try:
            text = self._decoder.decode(block, final=self._ended)
            self._done += len(block)
            return text.encode()
        except UnicodeDecodeError as error:
            place = self._done - waiting + error.start
            shown = error.object[error.start : error.end][:4].hex(" ")
            msg = (
                f"byte {place:,} ({shown}) is not valid {self._encoding}; state the `encoding` that the "
                "file has, or none for UTF-8"
            )
            raise SourceError(msg) from None
        except UnicodeEncodeError:
            msg = f"text in {self._encoding} at or after byte {self._done:,} holds half of a pair of UTF-16"
            raise SourceError(msg) from None
