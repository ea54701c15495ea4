"""What is looked for at every node of a document: directives, the values of arguments, and questions for the schema."""

from collections.abc import Iterable

from graphql import (
    ConstDirectiveNode,
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    OperationDefinitionNode,
    SelectionNode,
)

from gateway.limits.errors import DirectivesExceeded, IntrospectionDisabled
from gateway.limits.inputs import check_literal
from gateway.limits.selections import exceeded
from gateway.settings import LimitSettings

INTROSPECTION = ("__schema", "__type")


def check_syntax(document: DocumentNode, limits: LimitSettings) -> None:
    """Raises DocumentTooLarge, which says where."""
    walk = _Walk(limits)
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode):
            for variable in node.variable_definitions or ():
                walk.directives(variable.directives)
                if variable.default_value is not None:
                    check_literal(variable.default_value, limits)
        if isinstance(node, OperationDefinitionNode | FragmentDefinitionNode):
            walk.directives(node.directives)
            walk.selections(node.selection_set.selections)


class _Walk:
    """The walk through one document."""

    def __init__(self, limits: LimitSettings) -> None:
        self._limits = limits
        self._directives = 0

    def directives(self, nodes: Iterable[DirectiveNode | ConstDirectiveNode] | None) -> None:
        for node in nodes or ():
            self._directives += 1
            if self._directives > self._limits.directives:
                message = f"The document has more than {self._limits.directives} directives."
                raise exceeded(DirectivesExceeded, message, node)
            for argument in node.arguments or ():
                check_literal(argument.value, self._limits)

    def selections(self, nodes: Iterable[SelectionNode]) -> None:
        rest = list(nodes)
        while rest:
            node = rest.pop()
            self.directives(node.directives)
            if isinstance(node, FieldNode):
                if node.name.value in INTROSPECTION and not self._limits.introspection:
                    raise exceeded(IntrospectionDisabled, "This gateway does not tell its schema.", node)
                for argument in node.arguments or ():
                    check_literal(argument.value, self._limits)
            inner = getattr(node, "selection_set", None)
            if inner is not None:
                rest += inner.selections
