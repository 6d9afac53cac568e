"""Reads UTF-8 text files, with or without a byte-order mark. For any other file the error says what it is."""

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


def read_text(path: Path) -> str:
    """Returns the text of a file, without its byte-order mark.

    Raises:
        DataError: the file is empty, compressed, or not UTF-8; the error names the byte and its line.
        OSError: it cannot be read.
    """
    content = path.read_bytes()
    for start, encoding in _OTHER_ENCODINGS.items():
        if content.startswith(start):
            raise _not_utf8(path, f"byte 1 (line 1) begins a {encoding} file")
    for start, kind in _OTHER_KINDS.items():
        if content.startswith(start):
            remedy = "unpack it, or save it as text"
            raise DataError("must be a text file", got=f"it is {kind}", remedy=remedy, about=str(path))
    try:
        text = content.removeprefix(codecs.BOM_UTF8).decode("utf-8")
    except UnicodeDecodeError as error:
        offset = error.start + (len(codecs.BOM_UTF8) if content.startswith(codecs.BOM_UTF8) else 0)
        value = f"0x{content[offset]:02x}, as in Windows-1252 or a damaged file"
        raise _not_utf8(path, f"byte {_position(content, offset)} is {value}") from None
    if (offset := content.find(b"\0")) >= 0:
        raise _not_utf8(path, f"byte {_position(content, offset)} is NUL, as in UTF-16 or a damaged file")
    if not text.strip():
        raise DataError("must hold rows", got="the file is empty", remedy="name another file", about=str(path))
    return text


def _not_utf8(path: Path, got: str) -> DataError:
    return DataError("must be UTF-8", got=got, remedy="save it as UTF-8 (in Excel: CSV UTF-8)", about=str(path))


def _position(content: bytes, offset: int) -> str:
    lines = len(_LINE_END.findall(content, 0, offset)) + 1
    return f"{offset + 1:,} (line {lines:,})"
