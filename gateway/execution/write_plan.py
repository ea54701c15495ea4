"""The plan of a mutation: what it writes, and what is selected of that."""

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from graphql import DirectiveLocation, GraphQLDirective, GraphQLSchema, OperationDefinitionNode

from gateway.errors import IdempotencyNotPossible, TransactionNotPossible
from gateway.execution.arguments import Arguments
from gateway.execution.plan import ObjectPlan
from gateway.execution.reader import Reader
from gateway.execution.shapes import Place, strawberry_field
from resolvers.context import Context, PageSizes
from resolvers.mutation import WriteField
from resolvers.policies import Sight

if TYPE_CHECKING:
    from gateway.execution.write_returning import Wanted

TRANSACTION = GraphQLDirective(
    "transaction",
    [DirectiveLocation.MUTATION],
    description="Fields that follow each other and write the same source are written in one transaction: all, or none.",
)


@dataclass(frozen=True, eq=False)
class WriteRoot:
    """`createOrder(…)` and its like."""

    place: Place
    field: WriteField
    arguments: Arguments
    row: ObjectPlan
    number: int
    """Among the operation's fields that write the same source."""
    wanted: "dict[tuple[PageSizes, Sight], Wanted]" = dataclasses.field(default_factory=dict)
    """What the source is to return, where no variables decide on that."""

    @property
    def source(self) -> str:
        return self.field.entity.source


@dataclass(frozen=True, eq=False)
class MutationPlan:
    """An operation whose root fields all write; `keys` are those of its answer, in order."""

    keys: tuple[str, ...]
    constants: Mapping[str, str]
    groups: tuple[tuple[WriteRoot, ...], ...]
    """Each is written in one transaction."""
    sources: frozenset[str]
    """All that the schema's mutations write: an idempotency key may have been used in any of them."""


def written_sources(schema: GraphQLSchema) -> frozenset[str]:
    """The sources that mutations write."""
    fields = schema.mutation_type.fields.values() if schema.mutation_type else ()
    definitions = (each.extensions.get("strawberry-definition") for each in fields)
    return frozenset(each.entity.source for each in definitions if isinstance(each, WriteField))


def asks_for_transaction(operation: OperationDefinitionNode) -> bool:
    return any(each.name.value == TRANSACTION.name for each in operation.directives or ())


def refuse_unplanned(operation: OperationDefinitionNode, context: object) -> None:
    """Raises what a mutation that is not planned as a whole cannot keep of its promises."""
    if isinstance(context, Context) and context.idempotency is not None:
        raise IdempotencyNotPossible("An Idempotency-Key goes with mutations whose fields all write a datasource.")
    if asks_for_transaction(operation):
        raise TransactionNotPossible(f"@{TRANSACTION.name} goes with mutations whose fields all write a datasource.")


def plan_mutation(reader: Reader, plan_root: Callable[[Place, int], WriteRoot]) -> MutationPlan | None:
    """The plan; None when the operation writes nothing, or some root field does not write entities."""
    root_type, selected = reader.root
    if selected is None or root_type is None or root_type is not reader.scope.schema.mutation_type:
        return None
    constants: dict[str, str] = {}
    roots: list[WriteRoot] = []
    numbers: Counter[str] = Counter()
    for key, details in selected.items():
        if details[0].node.name.value == "__typename":
            constants[key] = root_type.name
            continue
        place = reader.place(root_type, key, details)
        if place is None or not isinstance(strawberry_field(place), WriteField):
            return None
        root = plan_root(place, numbers[strawberry_field(place).entity.source])
        numbers[root.source] += 1
        roots.append(root)
    if not roots:
        return None
    sources = written_sources(reader.scope.schema)
    return MutationPlan(tuple(selected), constants, tuple(_groups(reader, roots)), sources)


def _groups(reader: Reader, roots: Iterable[WriteRoot]) -> Iterable[tuple[WriteRoot, ...]]:
    if not asks_for_transaction(reader.operation):
        return [(root,) for root in roots]
    return [tuple(group) for _, group in groupby(roots, lambda root: root.source)]
