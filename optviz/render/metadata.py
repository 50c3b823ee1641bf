"""The specification inside a picture's file: put in, and read out again (of tables as well).

Each format has its own place for such text. Nothing here trusts a file: what is read is a text
of bounded length, and a study decides what it is worth.
"""

from __future__ import annotations

import html
import json
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from optviz.shared.spec import MAX_JSON, SpecError
from optviz.shared.table import COMMENT, imported

#: The key under which the text stands where a format has keys.
KEY = "optviz"
#: PNG's own key for what a picture shows.
PNG_SHOWS = "Description"
#: What is read of such words.
MAX_SHOWS = 1000
#: A file larger than this was not made here.
MAX_FILE = 512 * 2**20


def savefig_options(suffix: str, text: str, shows: str = "") -> dict[str, Any]:
    """What Matplotlib's `savefig` is told so that the file carries `text`, and in words for those
    who do not see the picture what it shows, where the format's own programs look for that."""
    match suffix:
        case ".png":
            # Level 3 takes half the time of the usual 6, for files as small.
            metadata = {KEY: text, **({PNG_SHOWS: shows} if shows else {})}
            return {"metadata": metadata, "pil_kwargs": {"compress_level": 3}}
        case ".jpg" | ".jpeg":
            exif = {"exif": _exif(shows)} if shows else {}
            return {"pil_kwargs": {"comment": text, "quality": 92, **exif}}
        case ".svg":
            # Without a date the same picture is the same file.
            title = {"Title": shows} if shows else {}
            return {"metadata": {"Date": None, "Description": text, **title}}
        case ".pdf":
            return {"metadata": {"CreationDate": None, "Keywords": text, "Subject": shows or None}}
    raise ValueError(f"no still format {suffix}")


def _exif(shows: str) -> Any:
    from PIL.ExifTags import Base
    from PIL.Image import Exif

    exif = Exif()
    exif[Base.ImageDescription] = shows.encode("utf-8")
    return exif


def image_options(suffix: str, text: str, shows: str = "") -> dict[str, Any]:
    """What Pillow's `save` is told for a still of pixels that carries `text`."""
    options: dict[str, Any] = savefig_options(suffix, text, shows)
    if suffix != ".png":
        return {"format": "JPEG", **options["pil_kwargs"]}
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    for key, told in options["metadata"].items():
        info.add_text(key, told)
    return {"format": "PNG", "pnginfo": info, **options["pil_kwargs"]}


def embed(path: Path, text: str) -> None:
    """Put `text` into a finished GIF, APNG or WebP file (films carry it from the start)."""
    insert = {".gif": _into_gif, ".png": _into_png, ".apng": _into_png, ".webp": _into_webp}.get(
        path.suffix.lower()
    )
    if insert is not None:
        path.write_bytes(insert(path.read_bytes(), text.encode("ascii")))


def read(path: Path) -> str:
    """The specification's text in a file.

    Raises
    ------
    SpecError
        If the file is not a picture, or carries none.
    OSError
        If it cannot be read.
    """
    if not path.is_file():
        raise SpecError(f"there is no file {path}")
    if path.stat().st_size > MAX_FILE:
        raise SpecError(f"{path} is too large to be a picture of optviz")
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise SpecError(f"{path}: the file type {path.suffix!r} carries no specification")
    with path.open("rb"):
        pass  # what cannot be opened is the machine's fault, what follows the file's
    try:
        text = reader(path)
    except Exception as error:
        # A damaged file may make a decoder raise nearly anything.
        raise SpecError(f"{path} is damaged or no {path.suffix} file: {error}") from None
    if not text:
        raise SpecError(f"{path} carries no specification: it was not made by optviz")
    return text[: MAX_JSON + 1]


def shows(path: Path) -> str:
    """What a still of PNG shows, in words; nothing for other files."""
    if path.suffix.lower() != ".png":
        return ""
    try:
        return _image_info(PNG_SHOWS)(path)[:MAX_SHOWS]
    except OSError:
        return ""


# -- putting it in --------------------------------------------------------------------------


def _into_gif(data: bytes, text: bytes) -> bytes:
    """A comment extension before the first image."""
    flags = data[10]
    start = 13 + (3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0)
    blocks = b"".join(
        bytes([len(part)]) + part for part in (text[k : k + 255] for k in range(0, len(text), 255))
    )
    return data[:start] + b"\x21\xfe" + blocks + b"\x00" + data[start:]


def _into_png(data: bytes, text: bytes) -> bytes:
    """A tEXt chunk behind the header."""
    body = b"tEXt" + KEY.encode() + b"\x00" + text
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    end = 8 + 25  # the signature and IHDR
    return data[:end] + chunk + data[end:]


def _into_webp(data: bytes, text: bytes) -> bytes:
    """An XMP chunk at the end, and its bit in the extended header."""
    if data[12:16] != b"VP8X":
        raise ValueError("an animated WebP begins with VP8X")
    xmp = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-'
        b'rdf-syntax-ns#"><rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/">'
        b"<dc:description>" + html.escape(text.decode()).encode() + b"</dc:description>"
        b"</rdf:Description></rdf:RDF></x:xmpmeta>"
    )
    chunk = b"XMP " + struct.pack("<I", len(xmp)) + xmp + b"\x00" * (len(xmp) % 2)
    head = bytearray(data[:30])
    head[20] |= 0x04
    whole = bytes(head) + data[30:] + chunk
    return whole[:4] + struct.pack("<I", len(whole) - 8) + whole[8:]


# -- reading it out -------------------------------------------------------------------------


def _image_info(key: str) -> Callable[[Path], str]:
    def read_info(path: Path) -> str:
        from PIL import Image

        with Image.open(path) as image:
            value = image.info.get(key, "")
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)

    return read_info


def _from_webp(path: Path) -> str:
    return _description(_image_info("xmp")(path))


def _from_svg(path: Path) -> str:
    # A search, not an XML parser: entities cannot expand.
    return _description(path.read_text(encoding="utf-8"))


def _description(text: str) -> str:
    found = re.search(r"<dc:description>(.*?)</dc:description>", text, re.DOTALL)
    return html.unescape(found[1]) if found else ""


def _from_pdf(path: Path) -> str:
    """The literal string of /Keywords in the information dictionary."""
    data = path.read_bytes()
    found = re.search(rb"/Keywords\s*\(((?:[^\\()]|\\.)*)\)", data, re.DOTALL)
    return re.sub(rb"\\(.)", rb"\1", found[1]).decode("latin-1") if found else ""


def _from_film(path: Path) -> str:
    import av

    with av.open(str(path)) as file:
        entries = {key.lower(): value for key, value in file.metadata.items()}
    return str(entries.get("comment", ""))


def _from_html(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="optviz-spec">(.*?)</script>', text)
    return found[1].replace("\\u003c", "<") if found else ""


def _from_csv(path: Path) -> str:
    with path.open(encoding="utf-8") as file:
        return file.readline(MAX_JSON + 100).partition(COMMENT)[2].strip()


def _from_json(path: Path) -> str:
    data = json.loads(path.read_text(encoding="utf-8"))
    about = data.get("about") if isinstance(data, dict) else None
    return json.dumps(about) if about else ""


def _from_parquet(path: Path) -> str:
    return str(imported("polars").read_parquet_metadata(path).get(KEY, ""))


_READERS: dict[str, Callable[[Path], str]] = {
    ".png": _image_info(KEY),
    ".apng": _image_info(KEY),
    ".jpg": _image_info("comment"),
    ".jpeg": _image_info("comment"),
    ".gif": _image_info("comment"),
    ".webp": _from_webp,
    ".svg": _from_svg,
    ".pdf": _from_pdf,
    ".mp4": _from_film,
    ".webm": _from_film,
    ".html": _from_html,
    ".csv": _from_csv,
    ".json": _from_json,
    ".parquet": _from_parquet,
}
