"""What a request's body says that it is: one media type, on which every reader agrees."""

import re
from dataclasses import dataclass
from email.message import Message

from starlette.requests import Request

from services.gateway.answers import Code, Refused, invalid

JSON, FORM, MULTIPART = "application/json", "application/x-www-form-urlencoded", "multipart/form-data"
_MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,80}/[a-z0-9!#$&^_.+-]{1,120}", re.ASCII)


@dataclass(frozen=True)
class ContentType:
    """What a body says that it is; lower case, its parameters apart."""

    media_type: str = ""
    boundary: str = ""
    charset: str = ""


def content_type(request: Request) -> ContentType:
    """The body's type; refused where headers contradict each other: every reader must see the same body."""
    given = request.headers.getlist("content-type")
    if len(given) > 1:
        raise invalid("CONTENT_TYPE_TWICE", "the request has several Content-Type headers; send one")
    if not given or not given[0].strip():
        return ContentType()
    parsed = Message()
    parsed["content-type"] = given[0]
    media_type = given[0].partition(";")[0].strip().lower()
    # A comma is where a proxy has joined two headers into one.
    if not _MEDIA_TYPE.fullmatch(media_type):
        raise invalid("BAD_CONTENT_TYPE", f"the Content-Type is no media type; an example is {JSON}")
    names = [str(name).lower() for name, _ in parsed.get_params(failobj=[])[1:]]
    if len(names) != len(set(names)):
        raise invalid("BAD_CONTENT_TYPE", "the Content-Type gives a parameter twice")
    boundary = str(parsed.get_param("boundary", "") or "")
    if media_type == MULTIPART and not re.fullmatch(r"[\x20-\x7e]{0,69}[\x21-\x7e]", boundary):
        raise invalid("BAD_CONTENT_TYPE", f"{MULTIPART} needs a boundary of 1 to 70 characters")
    return ContentType(media_type, boundary, str(parsed.get_param("charset", "") or "").lower())


def unsupported(wanted: str) -> Refused:
    """For a body of a type that can't be read here."""
    return Refused(Code.INVALID_ARGUMENT, "UNSUPPORTED_MEDIA_TYPE", f"the body must be {wanted}", 415)
