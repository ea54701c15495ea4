"""Guards: what may not be seen is refused before any code of the field's own runs."""

from typing import Any

import pytest
import strawberry
from strawberry.extensions.field_extension import FieldExtension

from datasources.lookup import ColumnType
from datasources.memory import MemorySource
from datasources.registry import Registry
from resolvers import column, entity, query_type, requires_roles
from resolvers.context import Context
from resolvers.viewer import Viewer
from tests.gateway.execution.engines import Engines

pytestmark = pytest.mark.anyio

ADMIN = requires_roles("admin")


class Remembered(FieldExtension):
    """Knows the value already, whoever asks."""

    def resolve(self, next_: Any, source: Any, info: strawberry.Info, **kwargs: Any) -> Any:
        """See FieldExtension."""
        return "remembered"


@entity("vault.papers")
class Paper:
    """Some of it is for admins."""

    title: str
    secret: str | None = column(requires=ADMIN)

    @strawberry.field(extensions=[Remembered()])  # type: ignore[untyped-decorator]
    def summary(self) -> str | None:
        """Sees all columns, and has an extension that answers in its place."""
        return f"{self.title}: {self.secret}"


ENGINES = Engines(query_type(Paper))


async def test_extensions_of_a_field_do_not_answer_for_its_guard() -> None:
    columns = {"id": ColumnType.BIGINT, "title": ColumnType.STRING, "secret": ColumnType.STRING}
    source = MemorySource("vault", {"papers": [{"id": 1, "title": "a", "secret": "s"}]}, columns={"papers": columns})
    await source.open()
    sources = Registry({"vault": source})
    document = '{ paper(id: "Paper:1") { title summary } }'
    data, (error,) = await ENGINES.ask(document, lambda: Context(sources))
    assert data == {"paper": {"title": "a", "summary": None}}
    assert error[2] == "Unauthorized"
    data, errors = await ENGINES.ask(document, lambda: Context(sources, viewer=Viewer("a", frozenset(["admin"]))))
    assert (data, errors) == ({"paper": {"title": "a", "summary": "remembered"}}, [])
