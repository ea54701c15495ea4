"""Documents, parsed and validated once: a bounded cache from text to what execution needs of it."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import strawberry
from graphql import (
    GraphQLError,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    parse,
    validate,
)

from gateway.errors import DocumentTooLarge, OperationNotFound, ParseFailed, RequestError, ValidationFailed
from gateway.execution.operation import Operation, core_schema

MAXIMUM_TEXT = 4 * 1024 * 1024
"""Characters of all cached documents together; their syntax trees take about a hundred times as many bytes."""
MAXIMUM_ERRORS = 20
"""Mistakes of one document that are told; finding each takes time."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A valid document."""

    operations: Mapping[str, Operation]
    """By name; the anonymous one is called ""."""

    def operation(self, name: str | None) -> Operation:
        """The operation to execute. Raises OperationNotFound."""
        if name:
            try:
                return self.operations[name]
            except KeyError:
                raise OperationNotFound(f"The document has no operation called {name[:80]!r}{self._names()}.") from None
        if len(self.operations) > 1:
            raise OperationNotFound(f"The document has several operations{self._names()}: name one in operationName.")
        return next(iter(self.operations.values()))

    def _names(self) -> str:
        names = [name for name in self.operations if name]
        return f"; it has {', '.join(names)}" if names else ""


@dataclass(frozen=True, slots=True)
class _Invalid:
    """A document that cannot be executed, and why."""

    kind: type[RequestError]
    errors: Sequence[GraphQLError]


class DocumentCache:
    """Keeps the documents that were used last, `limit` of them and MAXIMUM_TEXT characters at most."""

    def __init__(self, schema: strawberry.Schema, limit: int, tokens: int) -> None:
        self._schema = schema
        self._limit = limit
        self._tokens = tokens
        self._documents: OrderedDict[str, Prepared | _Invalid] = OrderedDict()
        self._characters = 0
        self.hits = self.misses = self.evictions = 0

    def load(self, text: str) -> Prepared:
        """The document of this text, parsed and validated now or earlier. Raises RequestError for an invalid one."""
        found = self._documents.get(text)
        if found is None:
            self.misses += 1
            found = self._add(text, _prepare(self._schema, text, self._tokens))
        else:
            self.hits += 1
            self._documents.move_to_end(text)
        if isinstance(found, _Invalid):
            raise found.kind(found.errors[0].message, found.errors)
        return found

    def _add(self, text: str, made: Prepared | _Invalid) -> Prepared | _Invalid:
        self._documents[text] = made
        self._characters += len(text)
        while len(self._documents) > self._limit or self._characters > MAXIMUM_TEXT:
            evicted, _ = self._documents.popitem(last=False)
            self._characters -= len(evicted)
            self.evictions += 1
        return made


def _prepare(schema: strawberry.Schema, text: str, tokens: int) -> Prepared | _Invalid:
    try:
        document = parse(text, max_lexical_tokens=tokens, max_comments=tokens, allow_empty_selection_sets=False)
    except GraphQLSyntaxError as error:
        too_large = "contains more than" in error.message  # graphql-core tells it by the message alone
        return _Invalid(DocumentTooLarge if too_large else ParseFailed, [error])
    errors = validate(core_schema(schema), document, max_errors=MAXIMUM_ERRORS, allow_empty_selection_sets=False)
    if errors and errors[-1].message == "Validation aborted.":  # at Python's recursion limit: no mistake of its own
        return _Invalid(DocumentTooLarge, [GraphQLError("The document selects too much at once to be validated.")])
    if errors:
        return _Invalid(ValidationFailed, errors)
    operations = {
        node.name.value if node.name else "": Operation(schema, document, node)
        for node in document.definitions
        if isinstance(node, OperationDefinitionNode)
    }
    if not operations:
        return _Invalid(OperationNotFound, [GraphQLError("The document has no operation, only fragments.")])
    return Prepared(operations)
