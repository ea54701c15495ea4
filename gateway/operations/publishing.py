"""Operations are checked before they are published: all fit the schema, its limits and a plan, or none is."""

from collections.abc import Iterable, Sequence

import strawberry
from graphql import GraphQLError, OperationDefinitionNode

from gateway.errors import ConfigError, RequestError
from gateway.execution.operation import Operation, core_schema
from gateway.execution.variables import NO_VARIABLES
from gateway.limits.cost import Estimator
from gateway.limits.selections import check_selections
from gateway.limits.syntax import check_syntax
from gateway.operations.automatic import digest_of
from gateway.operations.documents import mistakes
from gateway.operations.manifests import Entry, Problem, problem
from gateway.operations.store import EVERYBODY, Published, published
from gateway.settings import LimitSettings

HASH = "sha256:"


def check(
    schema: strawberry.Schema,
    limits: LimitSettings,
    entries: Iterable[Entry],
    client: str | None,
    problems: Iterable[Problem] = (),
) -> Sequence[Published]:
    """What is to be published. Raises ConfigError with a line for each problem, these among them."""
    found: dict[tuple[str, str], Published] = {}
    wrong = list(problems)
    for entry in entries:
        made = _check(schema, limits, entry, client)
        if isinstance(made, Published):
            other = found.setdefault((made.client, made.id), made)
            if other.body == made.body:
                continue
            made = [Problem(made.name, None, f"{other.name} has the same id {made.id!r}.")]
        wrong += made
    if wrong:
        raise ConfigError("\n".join(map(str, wrong)))
    return list(found.values())


def _check(
    schema: strawberry.Schema, limits: LimitSettings, entry: Entry, client: str | None
) -> Published | list[Problem]:
    nodes = [node for node in entry.document.definitions if isinstance(node, OperationDefinitionNode)]
    if len(nodes) != 1 or nodes[0].name is None:
        return [Problem(entry.label, None, "must have one operation, with a name.")]
    [node] = nodes
    name = nodes[0].name.value
    if None not in (client, entry.client) and client != entry.client:
        return [Problem(name, None, f"is for the client {entry.client!r}, not for {client!r}.")]
    if entry.id.startswith(HASH) and entry.id != HASH + digest_of(entry.body):
        return [Problem(name, None, "has an id that is the hash of another text.")]
    try:
        check_syntax(entry.document, limits)
        check_selections(entry.document, limits)
        errors = mistakes(core_schema(schema), entry.document)
        if not errors:
            operation = Operation(schema, entry.document, node)
            operation.plan_ahead()
            if not node.variable_definitions:  # which may decide on what it costs
                Estimator(limits).check(operation, NO_VARIABLES)
    except RequestError as error:
        errors = list(error.errors) or [GraphQLError(str(error))]
    except Exception as error:  # noqa: BLE001 - whatever it is, this operation cannot be trusted to run
        errors = [GraphQLError(f"cannot be planned: {error!r}.")]
    if errors:
        return [problem(name, error) for error in errors]
    return published(entry.client or client or EVERYBODY, entry.id, name, node.operation.value, entry.body)
