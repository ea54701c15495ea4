"""Operations are checked before they are published: all fit the schema and can be planned, or none is."""

from collections.abc import Iterable, Sequence

import strawberry
from graphql import OperationDefinitionNode

from gateway.errors import ConfigError
from gateway.execution.operation import Operation
from gateway.operations.automatic import digest_of
from gateway.operations.documents import mistakes
from gateway.operations.manifests import Entry, Problem, problem
from gateway.operations.store import EVERYBODY, Published, published

HASH = "sha256:"


def check(
    schema: strawberry.Schema, entries: Iterable[Entry], client: str | None, problems: Iterable[Problem] = ()
) -> Sequence[Published]:
    """What is to be published. Raises ConfigError with a line for each problem, these among them."""
    found: dict[tuple[str, str], Published] = {}
    wrong = list(problems)
    for entry in entries:
        made = _check(schema, entry, client)
        if isinstance(made, Published):
            other = found.setdefault((made.client, made.id), made)
            if other.body == made.body:
                continue
            made = [Problem(made.name, None, f"{other.name} has the same id {made.id!r}.")]
        wrong += made
    if wrong:
        raise ConfigError("\n".join(map(str, wrong)))
    return list(found.values())


def _check(schema: strawberry.Schema, entry: Entry, client: str | None) -> Published | list[Problem]:
    nodes = [node for node in entry.document.definitions if isinstance(node, OperationDefinitionNode)]
    if len(nodes) != 1 or nodes[0].name is None:
        return [Problem(entry.label, None, "must have one operation, with a name.")]
    [node] = nodes
    name = nodes[0].name.value
    if None not in (client, entry.client) and client != entry.client:
        return [Problem(name, None, f"is for the client {entry.client!r}, not for {client!r}.")]
    if entry.id.startswith(HASH) and entry.id != HASH + digest_of(entry.body):
        return [Problem(name, None, "has an id that is the hash of another text.")]
    errors = mistakes(schema, entry.document)
    if errors:
        return [problem(name, error) for error in errors]
    try:
        Operation(schema, entry.document, node).plan_ahead()
    except Exception as error:  # noqa: BLE001 - whatever it is, this operation cannot be trusted to run
        return [Problem(name, None, f"cannot be planned: {error!r}.")]
    return published(entry.client or client or EVERYBODY, entry.id, name, node.operation.value, entry.body)
