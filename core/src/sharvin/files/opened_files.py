"""Files of users, opened: plain, gzip, bzip2 or xz, with or without a byte-order mark, in UTF-8 or UTF-16, with any line ends."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TextIO, cast

from sharvin.errors import InputError

COMPRESSED = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\xfd7zXZ\x00": "lzma"}
"""First bytes of a compressed file, and the module of the standard library that reads it."""
ZSTANDARD = b"\x28\xb5\x2f\xfd"
UTF16 = (b"\xff\xfe", b"\xfe\xff")
UTF8_MARK = b"\xef\xbb\xbf"
HEAD_BYTES = 65536


def require_file(path: Path) -> None:
    """Raise :class:`~sharvin.errors.InputError` where there is no file, a folder, an empty file, or one that may not be read."""
    if path.is_dir():
        raise InputError(f"{path} is a folder; name a file in it.")
    if not path.is_file():
        raise InputError(f"there is no structure file {path}.")
    with reading(path), path.open("rb") as stream:
        if not stream.read(1):
            raise InputError(f"{path} is empty.")


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """A context in which what goes wrong while a file is read is an :class:`~sharvin.errors.InputError` that names the file."""
    try:
        yield
    except PermissionError:
        raise InputError(f"{path} may not be read; change its permissions.") from None
    except (EOFError, zlib.error) as error:
        raise InputError(f"{path} is cut off or damaged: it cannot be unpacked ({error}).") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error}).") from None


def compression(path: Path) -> str | None:
    """The module of the standard library that unpacks a file, by the file's first bytes; None for a plain one."""
    with path.open("rb") as stream:
        first = stream.read(6)
    if first.startswith(ZSTANDARD):
        raise InputError(f"{path} is compressed with Zstandard, which is not read here; unpack it with unzstd.")
    return next((module for magic, module in COMPRESSED.items() if first.startswith(magic)), None)


def opened_bytes(path: Path) -> IO[bytes]:
    """The file's bytes, unpacked."""
    module = compression(path)
    if module == "gzip":
        import gzip

        return cast(IO[bytes], gzip.open(path, "rb"))
    if module == "bz2":
        import bz2

        return bz2.open(path, "rb")
    if module == "lzma":
        import lzma

        return lzma.open(path, "rb")
    return path.open("rb")


def opened_text(path: Path) -> TextIO:
    """The file's text without a byte-order mark; bytes that are no text are replaced, line ends are those of Unix."""
    with opened_bytes(path) as stream:
        encoding = _encoding(stream.read(3))
    return io.TextIOWrapper(cast(io.BufferedReader, opened_bytes(path)), encoding=encoding, errors="replace")


def head(path: Path) -> str:
    """The beginning of the file as text."""
    with opened_bytes(path) as stream:
        content = stream.read(HEAD_BYTES)
    return content.decode(_encoding(content), errors="replace").replace("\r\n", "\n")


def unpacked_name(path: Path) -> str:
    """The file's name without the suffix of its compression."""
    return path.name.removesuffix(path.suffix) if path.suffix in (".gz", ".bz2", ".xz") else path.name


def ends_within_a_number(lines: Sequence[str]) -> bool:
    """Whether the last line has no end, and its last number fewer digits than any other line's, so that some are missing."""
    if len(lines) < 3 or lines[-1].endswith("\n"):
        return False
    digits = [len(line.split()[-1].partition(".")[2]) for line in lines]
    return digits[-1] < min(digits[:-1])


def _encoding(first: bytes) -> str:
    if first.startswith(UTF16):
        return "utf-16"
    return "utf-8-sig" if first.startswith(UTF8_MARK) else "utf-8"
