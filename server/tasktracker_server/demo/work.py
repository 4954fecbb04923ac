"""The work itself: one file, hashed and compressed by several methods, chunk by chunk."""

import bz2
import hashlib
import lzma
import math
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

from tasktracker_schema.names import JsonObject

CHUNK_MIN: Final = 4096
CHUNKS: Final = 64
SMALL: Final = 2 * 1024 * 1024
MEDIUM: Final = 32 * 1024 * 1024
DICTIONARY: Final = 256 * 1024
LZMA_SETTINGS: Final = ((0, 0), (2, 0), (3, 0), (4, 0), (0, 2), (3, 2))
"""Literal context bits and position bits: which fit best depends on the file."""


class PlannedFailureError(Exception):
    """The task's params told the first try to stop half-way."""


class Compressor(Protocol):
    """What the compressors of the standard library have in common."""

    def compress(self, data: bytes, /) -> bytes:
        """Take a chunk; what is ready comes out."""
        ...

    def flush(self) -> bytes:
        """All that was still held back."""
        ...


def compressors(size: int) -> dict[str, Compressor]:
    """The methods to try, by name; fewer for large files, so that every task ends soon."""
    if size > MEDIUM:
        return {"zlib": zlib.compressobj(6)}
    methods: dict[str, Compressor] = {"zlib": zlib.compressobj(9), "bz2": bz2.BZ2Compressor()}
    if size <= SMALL:
        methods |= {f"lzma lc={lc} pb={pb}": _lzma(lc, pb) for lc, pb in LZMA_SETTINGS}
    return methods


def _lzma(lc: int, pb: int) -> Compressor:
    preset = 9 | lzma.PRESET_EXTREME
    settings = {"id": lzma.FILTER_LZMA2, "preset": preset, "dict_size": DICTIONARY, "lc": lc, "pb": pb}
    return lzma.LZMACompressor(format=lzma.FORMAT_XZ, filters=[settings])


class FileWork:
    """One file on its way through every method."""

    def __init__(self, path: Path, fail_at_percent: float | None = None) -> None:
        self._path = path
        self._size = path.stat().st_size
        self._fail_at = math.inf if fail_at_percent is None else fail_at_percent
        self._hash = hashlib.sha256()
        self._methods = compressors(self._size)
        self._compressed = dict.fromkeys(self._methods, 0)
        self._done = 0

    def steps(self) -> Iterator[JsonObject]:
        """Do the work; one progress entry for each chunk."""
        chunk_size = max(CHUNK_MIN, math.ceil(self._size / CHUNKS))
        count = math.ceil(self._size / chunk_size)
        with self._path.open("rb") as file:
            for number, chunk in enumerate(iter(lambda: file.read(chunk_size), b""), start=1):
                self._take(chunk)
                yield self._entry(f"chunk {number} of {count}")
                if self._percent >= self._fail_at:
                    raise PlannedFailureError(f"stopped at {self._percent:g} %, as the task's params asked")
        for name, method in self._methods.items():
            self._compressed[name] += len(method.flush())
        yield self._entry(f"smallest with {self._best}")

    def result(self) -> JsonObject:
        """What the finished task is completed with."""
        compressed = self._compressed[self._best]
        return {
            "sha256": self._hash.hexdigest(),
            "bytes": self._done,
            "compressedBytes": compressed,
            "ratio": round(compressed / self._done, 4) if self._done else 1.0,
            "method": self._best,
        }

    @property
    def bytes_done(self) -> int:
        """How far it has come."""
        return self._done

    @property
    def _percent(self) -> float:
        return round(min(100.0, 100 * self._done / self._size), 1) if self._size else 100.0

    @property
    def _best(self) -> str:
        return min(self._compressed, key=self._compressed.__getitem__)

    def _take(self, chunk: bytes) -> None:
        self._done += len(chunk)
        self._hash.update(chunk)
        for name, method in self._methods.items():
            self._compressed[name] += len(method.compress(chunk))

    def _entry(self, message: str) -> JsonObject:
        return {"percent": self._percent, "bytesDone": self._done, "message": message}
