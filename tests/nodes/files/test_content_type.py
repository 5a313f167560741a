"""What files are taken for."""

import pytest

from nodes.files.content_type import cleaned, content_type_of


@pytest.mark.parametrize(
    ("name", "beginning", "expected"),
    [
        ("a.csv", b"", "text/csv"),
        ("A.PDF", b"", "application/pdf"),
        ("a.xlsx", b"PK\x03\x04", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ("a.md", b"", "text/markdown"),
        ("a.json", b"", "application/json"),
        ("a.tar.gz", b"\x1f\x8b", "application/gzip"),
        ("a", b"%PDF-1.7", "application/pdf"),
        ("a", b"\x89PNG\r\n\x1a\n", "image/png"),
        ("a", b"RIFF1234WEBP", "image/webp"),
        ("a", b"hello", "text/plain"),
        ("a", "ä".encode()[:1] + b"x", "application/octet-stream"),
        ("a", b"x" * 509 + "名".encode()[:2], "text/plain"),
        ("a", b"a\x00b", "application/octet-stream"),
        ("a", b"", "application/octet-stream"),
        ("", b"", "application/octet-stream"),
        (".csv", b"", "text/csv"),
        ("http://x/a.csv?b", b"", "application/octet-stream"),
    ],
)
def test_content_type(name: str, beginning: bytes, expected: str) -> None:
    assert content_type_of(name, beginning) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("Text/HTML; charset=utf-8", "text/html"),
        ("application/problem+json", "application/problem+json"),
        ("text/html\r\nx-evil: 1", ""),
        ("nonsense", ""),
        ("", ""),
    ],
)
def test_cleaned(given: str, expected: str) -> None:
    assert cleaned(given) == expected
