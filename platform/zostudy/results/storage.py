"""The storage of results: a folder, or a prefix in an object store. Files are written and read whole."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import pyarrow as pa
from pyarrow import fs

from zostudy.errors import ResultsError
from zostudy.results.filesystems import open_store, store_errors_explained, write_by_rename
from zostudy.results.uris import is_uri, local_path, parse_uri
from zostudy.wording import clipped, nearest

# An object store answers after some milliseconds, but many at a time.
OBJECTS_AT_ONCE = 16

T = TypeVar("T")


@dataclass(frozen=True)
class Storage:
    """A folder on this machine's file system, or a prefix in an object store.

    A method that reads, writes, moves or removes raises ``ResultsError`` where that is impossible.

    Attributes:
        filesystem: what reads and writes there.
        path: of the folder or prefix, as the file system names it.
        scheme: of a URI, such as ``s3``; empty for a folder.
        uri_query: of a URI, without its question mark.
    """

    filesystem: fs.FileSystem
    path: str
    scheme: str = ""
    uri_query: str = ""

    @classmethod
    def at(cls, where: Where) -> Storage:
        """Returns the storage at a folder or a URI; makes nothing there.

        Args:
            where: a folder, ``s3://bucket/path``, ``gs://bucket/path`` or ``file:///path``; a query may give
                ``endpoint_override`` and ``scheme``, and of ``s3`` the ``region``.

        Raises:
            ResultsError: nothing is named, the URI is none that can be used, or its bucket cannot be found.
        """
        if isinstance(where, Storage):
            return where
        if not isinstance(where, str | PathLike):
            raise ResultsError(
                "a location of results must be a path or a URI",
                got=f"got {clipped(repr(where))}",
                remedy="give a folder, such as results/quickstart",
            )
        text = os.fsdecode(where)
        if not is_uri(text):
            return cls(fs.LocalFileSystem(), local_path(text))
        uri = parse_uri(text)
        with store_errors_explained(text, "found", "check the name, the region and the credentials"):
            if uri.scheme == "file":
                return cls(*fs.FileSystem.from_uri(f"file://{uri.path}"))
            filesystem = open_store(uri)
        return cls(filesystem, uri.path, uri.scheme, uri.uri_query)

    def __truediv__(self, name: str) -> Storage:
        """Returns the storage one level down."""
        return Storage(self.filesystem, f"{self.path.rstrip('/')}/{name}", self.scheme, self.uri_query)

    def __str__(self) -> str:
        """Returns the location, of which ``Storage.at`` makes this storage again."""
        query = f"?{self.uri_query}" if self.uri_query else ""
        return f"{self.scheme}://{self.path}{query}" if self.scheme else self.path

    @property
    def shell_quoted(self) -> str:
        """The location, quoted for a shell."""
        return shlex.quote(str(self))

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]

    @property
    def parent(self) -> Storage:
        """The storage one level up."""
        above = self.path.rpartition("/")[0] or ("" if self.scheme else "/")
        return Storage(self.filesystem, above, self.scheme, self.uri_query)

    @property
    def folder(self) -> Path | None:
        """The folder, or None in an object store."""
        return None if self.scheme else Path(self.path)

    def suggestion(self, otherwise: str) -> str:
        """Returns the remedy for a folder that is missing: a similar name beside it, or the given remedy."""
        if self.folder is None:
            return otherwise
        near = nearest(self.name, self.parent.folders())
        return otherwise if near is None else f"did you mean {self.parent / near}?"

    def is_folder(self) -> bool:
        """Returns whether there is a folder here, or objects under its prefix."""
        return self._info("").type is fs.FileType.Directory

    def exists(self, name: str) -> bool:
        """Returns whether there is a file of that name."""
        return self._info(name).type is fs.FileType.File

    def files(self, suffix: str = "") -> list[str]:
        """Returns the names of the files here that end with a suffix, ascending, without hidden ones.

        Hidden files, whose names begin with a dot, are no results: copying from a Mac leaves a ``._name`` beside each.
        """
        return [*self.write_times(suffix)]

    def for_each(self, names: Sequence[str], call: Callable[[str], T]) -> list[T]:
        """Returns the result of ``call`` on each name; many calls run at a time in an object store."""
        if self.folder:
            return [call(name) for name in names]
        with ThreadPoolExecutor(OBJECTS_AT_ONCE) as pool:
            return list(pool.map(call, names))

    def folders(self) -> list[str]:
        """Returns the names of the folders here, ascending."""
        if self.scheme == "gs":  # where Arrow sees a folder only if an object stands for it
            below = (str(info.path).removeprefix(f"{self.path}/").split("/") for info in self._infos(recursive=True))
            return sorted({parts[0] for parts in below if len(parts) > 1})
        return [info.base_name for info in self._infos() if info.type is fs.FileType.Directory]

    def free_name(self, beginning: str, ending: str = "") -> str:
        """Returns the first name with a number before its ending that nothing here has, not even a dangling link."""
        taken = {path.name for path in self.folder.glob("*")} if self.folder else {*self.files(), *self.folders()}
        return next(name for number in count() if (name := f"{beginning}{number}{ending}") not in taken)

    def write_times(self, suffix: str) -> dict[str, datetime]:
        """Returns when each of the ``files`` with a suffix was written, by name and by the storage's own clock."""
        times = {str(info.base_name): info.mtime for info in self._infos() if info.is_file}
        return {name: time for name, time in times.items() if name.endswith(suffix) and not name.startswith(".")}

    def write_time(self, name: str) -> datetime | None:
        """Returns when a file was written, by the storage's own clock; None if the file does not exist."""
        time: datetime | None = self._info(name).mtime
        return time

    def open(self, name: str) -> pa.NativeFile:
        """Returns a file to read from; what it raises later is an ``OSError``.

        Raises:
            FileNotFoundError: the file does not exist.
            OSError: it cannot be read.
        """
        return self.filesystem.open_input_file(f"{self.path}/{name}")

    def read(self, name: str) -> bytes:
        """Returns a file's content; raises what ``open`` does."""
        with self.open(name) as file:
            try:
                content: bytes = file.read()
            except ValueError as error:  # of a file in Google's store that was removed after it was opened
                raise FileNotFoundError(f"{self / name} was removed while it was read") from error
            return content

    def write(self, name: str, content: bytes | pa.Buffer) -> None:
        """Writes a file whole: if the machine stops meanwhile, the older file is still there, or none.

        Args:
            name: of the file.
            content: all of it.
        """
        with self._writing(name):
            if self.folder:
                write_by_rename(self.folder / name, content)
            else:
                # Ctrl-C reaches the main thread alone: a stream that it cut off there would leave an empty object.
                with ThreadPoolExecutor(1) as thread:
                    thread.submit(self._upload, name, content).result()

    def move(self, name: str, to: str) -> None:
        """Moves a file within this storage; its new folder is made."""
        with self._writing(to):
            if self.folder:
                (self.folder / to).parent.mkdir(parents=True, exist_ok=True)
            self.filesystem.move(f"{self.path}/{name}", f"{self.path}/{to}")

    def remove(self, name: str) -> None:
        """Removes a file, if it is there."""
        with self._writing(name), suppress(FileNotFoundError):
            self.filesystem.delete_file(f"{self.path}/{name}")

    def remove_folder(self, name: str) -> None:
        """Removes a folder with all that is in it, if it is there; of links only the links."""
        inside = [] if self.folder else [info for info in (self / name)._infos(recursive=True) if info.is_file]
        with self._writing(name):
            for info in inside:
                self.filesystem.delete_file(info.path)
            if (self / name).is_folder():  # an object store may keep a mark of one
                self.filesystem.delete_dir(f"{self.path}/{name}")

    def make(self) -> None:
        """Makes the folder and those above it; in an object store there is nothing to make."""
        if self.folder:
            with self._writing():
                self.folder.mkdir(parents=True, exist_ok=True)

    def _upload(self, name: str, content: bytes | pa.Buffer) -> None:
        """Writes an object, which appears when all of it has arrived."""
        with self.filesystem.open_output_stream(f"{self.path}/{name}") as stream:
            stream.write(content)

    def _info(self, name: str) -> fs.FileInfo:
        with self._reading():
            return self.filesystem.get_file_info([f"{self.path}/{name}".rstrip("/") or "/"])[0]

    def _infos(self, recursive: bool = False) -> list[fs.FileInfo]:
        with self._reading():
            where = fs.FileSelector(self.path, allow_not_found=True, recursive=recursive)
            found: Any = self.filesystem.get_file_info(where)
            return sorted(found, key=lambda info: str(info.base_name))

    def _reading(self) -> AbstractContextManager[None]:
        return store_errors_explained(str(self), "readable", "check the location and the permission to read it")

    def _writing(self, name: str = "") -> AbstractContextManager[None]:
        location = str(self / name) if name else str(self)
        return store_errors_explained(location, "writable", "free the space or permit it, or give another location")


Where: TypeAlias = str | PathLike[str] | Storage
"""A location: a folder, a URI, or a storage itself."""
