"""Documents, parsed and validated once: a bounded cache from text to what execution needs of it."""

import sys
from collections.abc import Callable, Collection, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import partial
from typing import Any

import strawberry
from graphql import (
    ASTValidationRule,
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    NoFragmentCyclesRule,
    OperationDefinitionNode,
    Source,
    parse,
    specified_rules,
    validate,
)
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from datasources.cache import Cache
from gateway.errors import DocumentTooLarge, OperationNotFound, ParseFailed, RequestError, ValidationFailed
from gateway.execution.operation import Operation, core_schema, size_of
from gateway.limits.parsing import ParsingTime
from gateway.limits.selections import check_selections
from gateway.limits.syntax import check_syntax
from gateway.settings import LimitSettings

DOCUMENTS_BYTES = 128 * 1024 * 1024
"""Of valid documents together, with their plans."""
REFUSED, REFUSED_BYTES = 256, 1024 * 1024
"""Documents that cannot be executed, which are kept apart, with what is wrong: an old app may send its own forever."""
ERROR_BYTES = 1024
RULES = (*specified_rules, MaybeNullValidationRule, OneOfInputValidationRule)
"""Those that Strawberry validates by."""
MAXIMUM_ERRORS = 20
"""Mistakes of one document that are told; finding each takes time."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A valid document."""

    document: DocumentNode
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

    @classmethod
    def of(cls, kind: type[RequestError], errors: Sequence[GraphQLError]) -> "_Invalid":
        """Keeps of the errors what is told of them, but not the document's nodes, which take far more space."""
        kept = []
        for error in errors:
            kept.append(GraphQLError(error.message, extensions=error.extensions))
            kept[-1].locations = error.locations
        return cls(kind, kept)

    @property
    def error(self) -> RequestError:
        return self.kind(self.errors[0].message, self.errors)

    @property
    def size(self) -> int:
        return ERROR_BYTES + sum(ERROR_BYTES + sys.getsizeof(error.message) for error in self.errors)


class DocumentCache:
    """Parses and validates documents, and keeps them for when they come again: `limits.documents` of them at most."""

    def __init__(self, schema: strawberry.Schema, limits: LimitSettings) -> None:
        self._schema = schema
        self._limits = limits
        self._prepared: Cache[str, Prepared] = Cache(limits.documents, DOCUMENTS_BYTES)
        self._invalid: Cache[str, _Invalid] = Cache(REFUSED, REFUSED_BYTES)
        self._pinned: dict[str, Prepared] = {}
        self._parsing = ParsingTime(limits.parsing)

    @property
    def caches(self) -> Mapping[str, Cache[Any, Any]]:
        """By name."""
        return {"documents": self._prepared, "refused_documents": self._invalid}

    def load(self, text: str) -> Prepared:
        """The document of this text, parsed and validated now or earlier. Raises RequestError for an invalid one."""
        return self._pinned.get(text) or self._prepared.get(text) or self._add(text)

    def pin(self, text: str) -> None:
        """Prepares a document, with its plans, and keeps it whatever else comes. Raises RequestError."""
        if text in self._pinned:
            return
        prepared = _prepare(self._schema, text, self._limits, lambda _: None)
        if isinstance(prepared, _Invalid):
            raise prepared.error
        for operation in prepared.operations.values():
            operation.plan_ahead()
        self._pinned[text] = prepared

    def unpin(self, others: Set[str]) -> None:
        """Keeps none but these."""
        self._pinned = {text: each for text, each in self._pinned.items() if text in others}

    def _add(self, text: str) -> Prepared:
        grow = partial(self._prepared.grow, text)
        found = self._invalid.get(text) or self._prepare(text, grow)
        if isinstance(found, Prepared):
            self._prepared.put(text, found, sys.getsizeof(text) + size_of(found.document))
            return found
        self._invalid.put(text, found, sys.getsizeof(text) + found.size)
        raise found.error

    def _prepare(self, text: str, grow: Callable[[int], None]) -> Prepared | _Invalid:
        """Raises Overloaded."""
        with self._parsing.of(text):
            return _prepare(self._schema, text, self._limits, grow)


def parsed(text: str | Source, tokens: int) -> DocumentNode:
    """A document of `tokens` at most. Raises GraphQLSyntaxError."""
    return parse(text, max_lexical_tokens=tokens, max_comments=tokens, allow_empty_selection_sets=False)


def mistakes(
    schema: GraphQLSchema,
    document: DocumentNode,
    rules: Collection[type[ASTValidationRule]] = RULES,
    *,
    suggestions: bool = True,
) -> list[GraphQLError]:
    """Where the document does not fit the schema."""
    return validate(
        schema,
        document,
        rules,
        max_errors=MAXIMUM_ERRORS,
        hide_suggestions=not suggestions,
        allow_empty_selection_sets=False,
    )


def _prepare(
    schema: strawberry.Schema, text: str, limits: LimitSettings, grow: Callable[[int], None]
) -> Prepared | _Invalid:
    tokens = limits.tokens
    try:
        document = parsed(text, tokens)
    except GraphQLSyntaxError as error:
        too_large = "contains more than" in error.message  # graphql-core tells it by the message alone
        return _Invalid.of(DocumentTooLarge if too_large else ParseFailed, [error])
    refused = _limited(schema, document, limits)
    if refused is not None:
        return refused
    errors = mistakes(core_schema(schema), document, suggestions=limits.suggestions)
    if errors and errors[-1].message == "Validation aborted.":  # at a limit of its own: no mistake
        return _Invalid(DocumentTooLarge, [GraphQLError("The document selects too much at once to be validated.")])
    if errors:
        return _Invalid.of(ValidationFailed, errors)
    operations = {
        node.name.value if node.name else "": Operation(schema, document, node, grow)
        for node in document.definitions
        if isinstance(node, OperationDefinitionNode)
    }
    if not operations:
        return _Invalid(OperationNotFound, [GraphQLError("The document has no operation, only fragments.")])
    return Prepared(document, operations)


def _limited(schema: strawberry.Schema, document: DocumentNode, limits: LimitSettings) -> _Invalid | None:
    """What is wrong where a limit is met, which is before validation can take long."""
    try:
        check_syntax(document, limits)
        check_selections(document, limits)
    except DocumentTooLarge as error:
        circular = mistakes(core_schema(schema), document, (NoFragmentCyclesRule,))
        return _Invalid.of(ValidationFailed, circular) if circular else _Invalid.of(type(error), error.errors)
    return None
