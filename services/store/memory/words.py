"""Prepares text for PostgreSQL's parser, whatever the database's locale and the text's script."""

import re
import unicodedata

# Scripts that are written without spaces: each of their characters is indexed as a word, and runs as phrases.
_CHINESE_JAPANESE = (
    "\u2e80-\u2fdf\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_SOUTH_EAST_ASIAN = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
_UNSPACED = _CHINESE_JAPANESE + _SOUTH_EAST_ASIAN
_CHARACTER = re.compile(f"[{_UNSPACED}]")
_RUN = re.compile(f"[{_UNSPACED}]+")
_QUOTED = re.compile(r'"[^"]*"')


def indexed_text(text: str) -> str:
    """The text as it is indexed: without the differences of case and of compatible characters."""
    return _CHARACTER.sub(r" \g<0> ", _folded(text))


def query_text(query: str) -> str:
    """A query in the syntax of search engines, prepared as the text is."""
    folded = _folded(query)
    pieces, end = [], 0
    for quoted in _QUOTED.finditer(folded):
        pieces += [_phrased(folded[end : quoted.start()]), _CHARACTER.sub(r" \g<0> ", quoted[0])]
        end = quoted.end()
    return "".join([*pieces, _phrased(folded[end:])])


def _phrased(text: str) -> str:
    return _RUN.sub(lambda run: f'"{" ".join(run[0])}"', text)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
