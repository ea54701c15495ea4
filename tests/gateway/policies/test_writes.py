"""Writes: what is written is seen by the viewer, before and after, and so is what it gives."""

from typing import Any

import pytest
from graphql import GraphQLError

from datasources.lookup import ColumnType
from datasources.memory import MemorySource
from datasources.registry import Registry
from gateway.execution.schema import run_operation
from gateway.operations.request import OperationRequest
from gateway.pipeline import Pipeline
from gateway.settings import LimitSettings
from resolvers import column, entity, mutation_type, query_type, requires_roles, validates
from resolvers.context import Context
from resolvers.errors import InputInvalid, Unauthorized
from tests.gateway.execution.engines import Engines, alike, describe
from tests.gateway.policies.house import (
    VIEWERS,
    Mutation,
    Query,
    Rows,
    context,
    fill,
    in_database,
    opened,
    otherwise,
    rows,
)
from tests.support.postgres import Postgres

pytestmark = pytest.mark.anyio

ENGINES = Engines(Query, Mutation)


@entity("wiki.pages", writable=True, version="version")
class Page:
    """How often it was written is for some alone."""

    text: str
    version: int = column(requires=requires_roles("admin"))
    limit: int = column(requires=requires_roles("admin"))

    @validates("text", "limit")
    @staticmethod
    def fits(text: str, limit: int) -> str | None:
        """Tells what not everybody sees."""
        return None if len(text) <= limit else f"at most {limit} characters"


WIKI = Engines(query_type(Page), mutation_type(Page))

REFUSED = "UNAUTHORIZED_FIELD_OR_TYPE"


async def told(sources: Registry, who: str, document: str, engine: str) -> tuple[Any, list[tuple[Any, str]]]:
    """The data, and (path, code) of each error."""
    here = context(sources, VIEWERS[who])
    if engine == "standard":
        result = await ENGINES.standard.execute(document, context_value=here)
        found = [(each.path, getattr(each.original_error, "code", "")) for each in result.errors or []]
        return result.data, found
    data, errors = await planned(document, here)
    return data, [(each.path, getattr(each.original_error, "code", "")) for each in errors]


async def planned(document: str, here: Context, engines: Engines = ENGINES) -> tuple[Any, list[GraphQLError]]:
    operation = engines.operation(document)
    variables = operation.coerce({})
    assert not isinstance(variables, list)
    return await run_operation(operation, variables, here)


async def written(sources: Registry) -> Rows:
    """All rows that there are."""
    query = (
        "{ orders { nodes { id number tenant total margin secret version customerId } }"
        " lines { nodes { id tenant quantity cost orderId } } customers { nodes { id code tenant rating } } }"
    )
    result = await ENGINES.standard.execute(query, context_value=context(sources, VIEWERS["everything"]))
    assert result.errors is None
    return result.data  # type: ignore[return-value]


NEW = 'number: "SO-9", tenant: "%s", margin: 1, secret: "x"'

CASES = [
    pytest.param("north", 'updateOrder(id: "Order:3", patch: {number: "SO-0"}) { id }', "NOT_FOUND", id="hidden row"),
    pytest.param("north", 'deleteOrder(id: "Order:3") { id }', "NOT_FOUND", id="deletes a hidden row"),
    pytest.param("north", 'deleteOrder(id: "Order:99") { id }', "NOT_FOUND", id="as one that is not there"),
    pytest.param(
        "north",
        'updateOrders(input: [{id: "Order:1", patch: {number: "SO-0"}}, {id: "Order:3", patch: {number: "SO-8"}}])'
        " { id }",
        "NOT_FOUND",
        id="one of many is hidden",
    ),
    pytest.param("north", 'deleteOrders(ids: ["Order:1", "Order:3"]) { id }', "NOT_FOUND", id="deletes many"),
    pytest.param(
        "north", 'updateOrder(id: "Order:1", patch: {tenant: "south"}) { id }', REFUSED, id="out of its own sight"
    ),
    pytest.param("north", 'updateOrder(id: "Order:1", patch: {secret: "x"}) { id }', REFUSED, id="denied column"),
    pytest.param("north", 'updateOrder(id: "Order:1", patch: {secret: null}) { id }', REFUSED, id="denied null"),
    pytest.param(
        "north",
        'updateOrder(id: "Order:1", patch: {customerId: "Customer:1"}) { id }',
        REFUSED,
        id="denied relation's column",
    ),
    pytest.param("everything", f"createOrder(input: {{{NEW % 'south'}}}) {{ id }}", None, id="all is allowed"),
    pytest.param("north", f"createOrder(input: {{{NEW % 'north'}}}) {{ id }}", REFUSED, id="creates denied columns"),
    pytest.param("north", 'createCustomer(input: {code: "C9", tenant: "south"}) { id }', REFUSED, id="for others"),
    pytest.param("north", 'createCustomer(input: {code: "C9", tenant: "north"}) { id }', None, id="for itself"),
    pytest.param(
        "north",
        'createCustomers(input: [{code: "C8", tenant: "north"}, {code: "C9", tenant: "south"}]) { id }',
        REFUSED,
        id="one of many for others",
    ),
    pytest.param(
        "anonymous", 'createCustomer(input: {code: "C9", tenant: "north"}) { id }', REFUSED, id="denied entity"
    ),
    pytest.param("anonymous", 'deleteCustomer(id: "Customer:1") { id }', REFUSED, id="deletes of a denied entity"),
    pytest.param(
        "north", 'upsertCustomerByCode(input: {code: "C3", tenant: "north"}) { id }', REFUSED, id="upserts hidden"
    ),
    pytest.param(
        "north", 'upsertCustomerByCode(input: {code: "C1", tenant: "south"}) { id }', REFUSED, id="upserts away"
    ),
    pytest.param("north", 'upsertCustomerByCode(input: {code: "C1", tenant: "north"}) { id }', None, id="upserts"),
    pytest.param("north", 'upsertCustomerByCode(input: {code: "C9", tenant: "north"}) { id }', None, id="upserts new"),
    pytest.param(
        "north",
        'upsertCustomerByCode(input: {code: "C1", tenant: "north", rating: 1}) { id }',
        REFUSED,
        id="upserts a denied column",
    ),
    pytest.param(
        "north",
        'upsertOrderBySecret(input: {number: "SO-1", tenant: "north", margin: 1, secret: "s1"}) { id }',
        REFUSED,
        id="upserts by a denied column",
    ),
    pytest.param(
        "north",
        'updateOrder(id: "Order:1", patch: {lines: {create: [{tenant: "south", quantity: 1}]}}) { id }',
        REFUSED,
        id="child for others",
    ),
    pytest.param(
        "north",
        'updateOrder(id: "Order:1", patch: {lines: {create: [{tenant: "north", quantity: 1, cost: 2}]}}) { id }',
        REFUSED,
        id="child with a denied column",
    ),
    pytest.param(
        "north",
        'updateOrder(id: "Order:1", patch: {lines: {connect: ["Line:5"]}}) { id }',
        "NOT_FOUND",
        id="connects a hidden child",
    ),
    pytest.param(
        "north",
        'updateOrder(id: "Order:1", patch: {lines: {delete: ["Line:5"]}}) { id }',
        "NOT_FOUND",
        id="deletes a hidden child",
    ),
    pytest.param(
        "north",
        'updateOrder(id: "Order:1", patch: {lines: {update: [{id: "Line:1", patch: {tenant: "south"}}]}}) { id }',
        REFUSED,
        id="child out of sight",
    ),
    pytest.param(
        "north",
        'updateOrder(id: "Order:1", patch: {lines: {create: [{tenant: "north", quantity: 1}],'
        ' update: [{id: "Line:1", patch: {quantity: 7}}]}}) { id lines { nodes { quantity } } }',
        None,
        id="children",
    ),
]


@pytest.mark.parametrize("engine", ["standard", "planned"])
@pytest.mark.parametrize(("who", "field", "code"), CASES)
async def test_a_write_is_done_or_refused_as_a_whole(who: str, field: str, code: str | None, engine: str) -> None:
    sources = await opened(rows())
    before = await written(sources)
    data, errors = await told(sources, who, f"mutation {{ it: {field} }}", engine)
    assert [error for _, error in errors] == ([] if code is None else [code]), errors
    assert (data["it"] is None) is (code is not None)
    if code is not None:
        assert await written(sources) == before


async def test_the_same_writes_are_done_or_refused_in_a_database(postgres: Postgres) -> None:
    async with postgres.database() as url, in_database(url) as sources:
        for who, field, code in (case.values for case in CASES):
            await fill(url)
            before = await written(sources)
            data, errors = await told(sources, str(who), f"mutation {{ it: {field} }}", "planned")
            assert [error for _, error in errors] == ([] if code is None else [code]), field
            assert (data["it"] is None) is (code is not None), field
            if code is not None:
                assert await written(sources) == before, field


@pytest.mark.parametrize("engine", ["standard", "planned"])
async def test_what_is_written_tells_no_more_than_is_seen(engine: str) -> None:
    sources = await opened(rows())
    document = 'mutation { updateOrder(id: "Order:1", patch: {number: "SO-0"}) { number secret total } }'
    data, errors = await told(sources, "north", document, engine)
    assert data == {"updateOrder": {"number": "SO-0", "secret": None, "total": None}}
    assert sorted(errors) == [(["updateOrder", "secret"], REFUSED), (["updateOrder", "total"], REFUSED)]


@pytest.mark.parametrize("engine", ["standard", "planned"])
async def test_a_conflict_tells_no_more_than_is_seen(engine: str) -> None:
    sources = await opened(rows())
    field = 'updateOrder(id: "Order:1", patch: {number: "SO-0"}, expectedVersion: 7) { id }'
    here = context(sources, VIEWERS["north"])
    if engine == "standard":
        (error,) = (await ENGINES.standard.execute(f"mutation {{ {field} }}", context_value=here)).errors or []
        found: Any = error.original_error
    else:
        found = (await planned(f"mutation {{ {field} }}", here))[1][0].original_error
    assert found.extensions["current"] == {"id": "Order:1", "number": "SO-1", "tenant": "north", "version": 1}


@pytest.mark.parametrize("engine", ["standard", "planned"])
@pytest.mark.parametrize(
    "field",
    [
        'updatePage(id: "Page:1", patch: {text: "b"}, expectedVersion: 1) { id }',
        'updatePages(input: [{id: "Page:1", patch: {text: "b"}, expectedVersion: 2}]) { id }',
        'deletePage(id: "Page:1", expectedVersion: 1) { id }',
    ],
    ids=["update", "update many", "delete"],
)
async def test_a_version_that_is_not_seen_cannot_be_guessed(engine: str, field: str) -> None:
    error = await wiki(f"mutation {{ it: {field} }}", "north", engine)
    assert isinstance(error, Unauthorized)
    assert "2" not in str(error)


@pytest.mark.parametrize("engine", ["standard", "planned"])
@pytest.mark.parametrize(
    ("who", "message"), [("north", "Page would break the rule fits."), ("admin", "at most 3 characters")]
)
async def test_a_rule_tells_of_its_values_to_who_sees_them(engine: str, who: str, message: str) -> None:
    error = await wiki('mutation { it: updatePage(id: "Page:1", patch: {text: "long"}) { id } }', who, engine)
    assert isinstance(error, InputInvalid)
    assert str(error) == message


async def wiki(document: str, who: str, engine: str) -> Any:
    """Why nothing was written."""
    integer = ColumnType.INTEGER
    columns = {"id": ColumnType.BIGINT, "text": ColumnType.STRING, "version": integer, "limit": integer}
    pages = [{"id": 1, "text": "a", "version": 2, "limit": 3}]
    source = MemorySource("wiki", {"pages": pages}, columns={"pages": columns})
    await source.open()
    here = context(Registry({"wiki": source}), VIEWERS[who])
    if engine == "standard":
        result = await WIKI.standard.execute(document, context_value=here)
        data, errors = result.data, result.errors or []
    else:
        data, errors = await planned(document, here, WIKI)
    assert data == {"it": None}
    (error,) = errors
    return error.original_error


async def test_an_answer_is_repeated_to_who_sees_the_same() -> None:
    sources = await opened(rows())
    pipeline = Pipeline(ENGINES.planned, lambda who: context(sources, who), LimitSettings())
    document = 'mutation { updateOrder(id: "Order:1", patch: {number: "SO-0"}) { number total } }'

    async def ask(who: str) -> Any:
        request = OperationRequest(document, viewer=VIEWERS[who], idempotency_key="k")
        return (await pipeline.run(request, "test")).content

    first = await ask("both of a list")
    assert first == {"data": {"updateOrder": {"number": "SO-0", "total": 40}}}
    assert await ask("both of a list") == first
    (error,) = (await ask("north"))["errors"]  # the same subject, by a token of less scopes
    assert error["extensions"]["code"] == "IDEMPOTENCY_KEY_REUSED"


RETURNED = """{ id number total margin2: tenant secret version customerId customer { id rating } title loud
  note { text } lines { nodes { id cost tenant } totalCount pageInfo { endCursor } } allLines { id }
  linesAggregate { count sum { cost } } labels { nodes { name orders { totalCount nodes { number secret } } } } }"""

ATTEMPTS = [
    *(f'updateOrder(id: "Order:{key}", patch: {{number: "SO-0"}})' for key in (1, 3, 9)),
    *(f'updateOrder(id: "Order:{key}", patch: {{number: "SO-0"}}, expectedVersion: 5)' for key in (1, 3, 9)),
    *(f'updateOrder(id: "Order:{key}", patch: {{total: 1, secret: "x"}})' for key in (1, 3, 9)),
    *(f'updateOrder(id: "Order:1", patch: {{customerId: "Customer:{key}"}})' for key in (1, 3)),
    *(f'updateOrder(id: "Order:1", patch: {{lines: {{{how}: ["Line:{key}"]}}}})'
      for how in ("connect", "delete") for key in (1, 3, 5, 99)),
    *(f'updateOrder(id: "Order:1", patch: {{lines: {{update: [{{id: "Line:{key}", patch: {{quantity: 9}}}}]}}}})'
      for key in (1, 3, 5, 99)),
    *(f'deleteOrder(id: "Order:{key}")' for key in (1, 3, 9)),
    *(f'createOrder(input: {{{NEW % tenant}, lines: {{create: [{{tenant: "{of}", quantity: 1}}]}}}})'
      for tenant in ("north", "south") for of in ("north", "south")),
    *(f'upsertOrderByNumber(input: {{number: "SO-{key}", tenant: "north", margin: 1}})' for key in (1, 9)),
    'updateOrders(input: [{id: "Order:1", patch: {number: "SO-7"}}, {id: "Order:2", patch: {number: "SO-8"}}])',
    'deleteOrders(ids: ["Order:1", "Order:4"])',
]  # fmt: skip


@pytest.mark.parametrize("who", ["anonymous", "north", "insider", "totals", "both of a list"])
@pytest.mark.parametrize("engine", ["standard", "planned"])
async def test_what_a_write_tells_does_not_depend_on_what_is_not_seen(who: str, engine: str) -> None:
    for attempt in ATTEMPTS:
        document = f"mutation {{ it: {attempt} {RETURNED} }}"
        answers = []
        for world in (rows(), otherwise(VIEWERS[who])):
            here = context(await opened(world), VIEWERS[who])
            if engine == "standard":
                result = await ENGINES.standard.execute(document, context_value=here)
                answers.append((result.data, alike(describe(result.errors))))
            else:
                data, errors = await planned(document, here)
                answers.append((data, alike(describe(errors))))
        assert answers[0] == answers[1], attempt
