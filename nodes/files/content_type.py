"""Guesses what a file holds: by its name, else by its first bytes."""

import mimetypes
import re

_UNKNOWN = "application/octet-stream"
# The standard library's own table alone, so that every machine guesses the same.
_BY_NAME = mimetypes.MimeTypes(filenames=())
for _suffix, _type in {
    ".avif": "image/avif",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".epub": "application/epub+zip",
    ".gz": "application/gzip",
    ".ics": "text/calendar",
    ".log": "text/plain",
    ".md": "text/markdown",
    ".ndjson": "application/x-ndjson",
    ".jsonl": "application/x-ndjson",
    ".ods": "application/vnd.oasis.opendocument.spreadsheet",
    ".odt": "application/vnd.oasis.opendocument.text",
    ".ogg": "audio/ogg",
    ".parquet": "application/vnd.apache.parquet",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".toml": "application/toml",
    ".vcf": "text/vcard",
    ".webp": "image/webp",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".xml": "application/xml",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
}.items():
    _BY_NAME.add_type(_type, _suffix)

_BY_CONTENT = (
    (re.compile(rb"%PDF-"), "application/pdf"),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"GIF8[79]a"), "image/gif"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "image/webp"),
    (re.compile(rb"PK\x03\x04|PK\x05\x06"), "application/zip"),
    (re.compile(rb"\x1f\x8b"), "application/gzip"),
    (re.compile(rb"BZh[1-9]"), "application/x-bzip2"),
    (re.compile(rb"ID3|\xff\xfb"), "audio/mpeg"),
    (re.compile(rb"....ftyp", re.DOTALL), "video/mp4"),
)
SNIFFED = 512
_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,80}/[a-z0-9][a-z0-9!#$&^_.+-]{0,120}")


def content_type_of(name: str, beginning: bytes = b"") -> str:
    """A file's media type by its name and, if that says nothing, the first SNIFFED bytes of it."""
    guessed, encoding = _BY_NAME.guess_type("x" + name.lower())
    if guessed and not encoding:
        return guessed
    for pattern, known in _BY_CONTENT:
        if pattern.match(beginning):
            return known
    return "text/plain" if beginning and _is_text(beginning) else _UNKNOWN


def cleaned(content_type: str) -> str:
    """A media type that someone sent, without its parameters; nothing if it is none."""
    plain = content_type.partition(";")[0].strip().lower()
    return plain if _TYPE.fullmatch(plain) else ""


def _is_text(beginning: bytes) -> bool:
    if re.search(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]", beginning):
        return False
    try:
        beginning.decode("utf-8")
    except UnicodeDecodeError as error:
        # The last character may be cut.
        return error.start > len(beginning) - 4 and error.reason == "unexpected end of data"
    return True
