"""What HTTP_REQUEST is told."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from nodes.base import Parameters
from nodes.http.pagination import Pagination
from nodes.http.reading import How
from nodes.parameters import Duration, misuse

Method = Annotated[
    Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"],
    BeforeValidator(lambda given: given.upper() if isinstance(given, str) else given),
]


class HttpRequestParameters(Parameters):
    """Parameters of HTTP_REQUEST."""

    method: Method = Field(default="GET", description="The HTTP method.")
    url: str = Field(min_length=1, max_length=64 * 1024, description="The address, with http:// or https://.")
    headers: dict[str, Any] = Field(default_factory=dict, description="Headers by name; null leaves one out.")
    query: dict[str, Any] = Field(
        default_factory=dict, description="Query parameters by name, added to the URL's own; a list repeats the name."
    )
    body: Any = Field(
        default=None,
        description="What to send: an object or list for json, an object for form and multipart, the name of a file of "
        'the item for file. In multipart, {"file": name} is a file of the item.',
    )
    body_type: Literal["json", "form", "multipart", "text", "file"] = Field(
        default="json", description="How to write the body. A json body that is text must itself be JSON."
    )
    response: How = Field(
        default="auto", description="How to read the answer; auto goes by its content type. file makes a file of it."
    )
    output_file: str = Field(
        default="data", min_length=1, max_length=200, description="The name under which the item gets an answer's file."
    )
    full_response: bool = Field(
        default=False, description="Emit {status, headers, body} instead of the body's data alone."
    )
    pagination: Pagination | None = Field(
        default=None, description="How to go on to the next page; the items of all pages are emitted."
    )
    timeout: Duration = Field(default=30.0, gt=0, le=3600, description="How long the whole exchange may take.")
    follow_redirects: bool = Field(default=True, description="Follow redirects, at most ten.")
    fail_on_status: bool = Field(default=True, description="Fail on a status from 400; otherwise emit the answer.")

    @model_validator(mode="after")
    def _form(self) -> Self:
        if self.body_type in ("form", "multipart") and isinstance(self.body, list):
            raise misuse(f'has a "body" that is a list; body_type "{self.body_type}" needs an object')
        if isinstance(self.pagination, Pagination) and self.response in ("text", "file"):
            raise misuse(f'has a "pagination", which reads JSON, but "response" is "{self.response}"')
        return self
