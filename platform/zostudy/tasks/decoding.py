"""Text files are UTF-8, with or without a byte-order mark; for every other file one line says what it is."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

from zostudy.errors import DataError

_LINE_END = re.compile(rb"\r\n|\n|\r")
_OTHER_ENCODINGS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
_OTHER_KINDS = {
    b"\x1f\x8b": "compressed by gzip",
    b"\xfd7zXZ\0": "compressed by xz",
    b"\x28\xb5\x2f\xfd": "compressed by zstd",
    b"PK\x03\x04": "a zip archive or an Excel workbook",
}
_SAVE = "save it as UTF-8 (in Excel: CSV UTF-8)"


def read_text(path: Path) -> str:
    """Returns the text of a file, without its byte-order mark.

    Raises:
        DataError: the file is empty, compressed, or not UTF-8; the line names the byte and the line that holds it.
        OSError: it cannot be read.
    """
    content = path.read_bytes()
    for start, encoding in _OTHER_ENCODINGS.items():
        if content.startswith(start):
            raise DataError(f"{path}: must be UTF-8, but byte 1 (line 1) begins a {encoding} file; {_SAVE}")
    for start, kind in _OTHER_KINDS.items():
        if content.startswith(start):
            raise DataError(f"{path}: must be a text file, but it is {kind}; unpack it, or save it as text")
    try:
        text = content.removeprefix(codecs.BOM_UTF8).decode("utf-8")
    except UnicodeDecodeError as error:
        place = error.start + (len(codecs.BOM_UTF8) if content.startswith(codecs.BOM_UTF8) else 0)
        raise DataError(
            f"{path}: must be UTF-8, but byte {_where(content, place)} is 0x{content[place]:02x}, "
            f"as in Windows-1252 or a damaged file; {_SAVE}"
        ) from None
    if (place := content.find(b"\0")) >= 0:
        raise DataError(
            f"{path}: must be UTF-8, but byte {_where(content, place)} is NUL, as in UTF-16 or a damaged file; {_SAVE}"
        )
    if not text.strip():
        raise DataError(f"{path}: must hold rows, but the file is empty; name another file")
    return text


def _where(content: bytes, place: int) -> str:
    lines = len(_LINE_END.findall(content, 0, place)) + 1
    return f"{place + 1:,} (line {lines:,})"
