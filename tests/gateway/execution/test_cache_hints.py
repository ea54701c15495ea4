"""For how long answers may be kept, by what is selected."""

import pytest
import strawberry
from graphql import OperationDefinitionNode, parse
from strawberry.types import Info

from gateway.execution.operation import Operation
from gateway.graph import Graph, make_graph
from resolvers import CacheControl, Connection, belongs_to, column, computed, entity, has_many, query_type
from resolvers.context import Context
from resolvers.errors import SchemaError


@entity("shop.brands", cache=3600)
class Brand:
    """Seldom another."""

    name: str
    rating: int = column(cache=60)
    products: Connection["Product"] = has_many(by="brand_id")

    @computed(needs=("name",))
    def shown(self) -> str:
        """Of the row alone."""
        return self.name.upper()

    @computed(needs=("name",))
    def mine(self, info: Info[Context, None]) -> bool:
        """Of the viewer, too."""
        return info.context.viewer.subject == self.name


@entity("shop.products", cache=300)
class Product:
    """Has a brand, and offers."""

    name: str
    brand: Brand | None = belongs_to(by="brand_id")
    offers: list["Offer"] = has_many(by="product_id")


@entity("shop.offers")
class Offer:
    """Says nothing of caches."""

    price: int
    product: Product | None = belongs_to(by="product_id")


@strawberry.type(directives=[CacheControl(max_age=5)])
class Weather:
    """Hand-written."""

    sunny: bool


@strawberry.type
class Wrapped:
    """Hand-written, and says nothing."""

    weather: Weather


Entities = query_type(Brand, Product, Offer)


@strawberry.type
class Query(Entities):  # type: ignore[misc, valid-type]
    """With fields of Python's."""

    @strawberry.field
    def weather(self) -> Weather:
        """A type that says how long."""
        return Weather(sunny=True)

    @strawberry.field
    def wrapped(self) -> Wrapped:
        """A type that does not."""
        return Wrapped(weather=Weather(sunny=True))

    time: int = strawberry.field(resolver=lambda: 12, directives=[CacheControl(max_age=7)])


@pytest.fixture(scope="module")
def graph() -> Graph:
    return make_graph(Query)


@pytest.mark.parametrize(
    ("query", "seconds", "sees_viewer"),
    [
        pytest.param("{ brand(id: 1) { id name } }", 3600, False, id="entity"),
        pytest.param("{ brand(id: 1) { name rating } }", 60, False, id="column"),
        pytest.param("{ brands { nodes { shown } edges { node { name } } totalCount } }", 3600, False, id="connection"),
        pytest.param("{ brandsAggregate { count } }", 3600, False, id="aggregate"),
        pytest.param("{ brand(id: 1) { products { nodes { name } } } }", 300, False, id="relation"),
        pytest.param("{ brand(id: 1) { productsAggregate { count } } }", 300, False, id="relation-aggregate"),
        pytest.param("{ brand(id: 1) { ...A } } fragment A on Brand { rating }", 60, False, id="fragment"),
        pytest.param("{ product(id: 1) { name offers { price } } }", 0, False, id="nothing-said"),
        pytest.param("{ offers { nodes { price } } }", 0, False, id="nothing-said-at-the-root"),
        pytest.param("{ node(id: 1) { id } }", 0, False, id="node"),
        pytest.param("{ brand(id: 1) { mine } }", 3600, True, id="viewer"),
        pytest.param("{ weather { sunny } }", 5, True, id="type"),
        pytest.param("{ wrapped { weather { sunny } } }", 0, True, id="wrapped"),
        pytest.param("{ time weather { sunny } }", 5, True, id="field"),
        pytest.param("{ __typename }", 0, False, id="typename"),
        pytest.param("{ __schema { queryType { name } } }", 0, True, id="introspection"),
    ],
)
def test_the_least_counts(graph: Graph, query: str, seconds: int, sees_viewer: bool) -> None:
    document = parse(query)
    node = document.definitions[0]
    assert isinstance(node, OperationDefinitionNode)
    operation = Operation(graph.schema, document, node)
    assert operation.least_age == seconds
    if "weather" not in query and "time" not in query:
        assert operation.sees_viewer is sees_viewer


def test_is_printed(graph: Graph) -> None:
    printed = graph.schema.as_str()
    assert "directive @cacheControl(maxAge: Int!) on OBJECT | FIELD_DEFINITION" in printed
    assert "type Brand implements Node @cacheControl(maxAge: 3600) {" in printed
    assert "rating: Int! @cacheControl(maxAge: 60)" in printed


def test_no_time_is_negative() -> None:
    with pytest.raises(SchemaError, match=r"^Thing: cache is a number of seconds, and cannot be -1\.$"):

        @entity("shop.things", cache=-1)
        class Thing:
            name: str
