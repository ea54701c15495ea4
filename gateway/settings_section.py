"""What the tables of the settings have in common."""

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints


class Section(BaseModel):
    """A table of the settings."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


HttpPath = Annotated[str, StringConstraints(pattern=r"^/[\w./-]*$")]


def _origin(text: str) -> str:
    if not re.fullmatch(r"\*|https?://[^/\s]+", text):
        raise ValueError("must be a web origin like https://shop.example")
    return text


Origin = Annotated[str, AfterValidator(_origin)]
