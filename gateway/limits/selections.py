"""How much a document selects: depth, fields, root fields, aliases, and what validation would have to compare.

Fields are gathered the way execution gathers them, with those of fragments wherever they are spread. This ends at the
first limit, so that it takes no longer for a document whose fragments multiply than for any other.
"""

from collections.abc import Iterable, Mapping, Sequence

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    InlineFragmentNode,
    Node,
    OperationDefinitionNode,
    SelectionSetNode,
)

from gateway.errors import RequestError
from gateway.limits.errors import AliasesExceeded, DepthExceeded, FieldsExceeded, RepeatsExceeded, RootFieldsExceeded
from gateway.settings import LimitSettings

Gathered = Mapping[str, Sequence[FieldNode]]
"""The fields of one object, by their keys in the answer."""


def check_selections(document: DocumentNode, limits: LimitSettings) -> None:
    """Raises DocumentTooLarge, which says where."""
    walk = _Walk(document, limits)
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode):
            walk.operation(node)
    for name, fragment in walk.fragments.items():
        if name not in walk.reached:  # validation looks at these, too
            walk.objects(walk.gather([fragment.selection_set], 1))


class _Walk:
    """The walk through one document."""

    def __init__(self, document: DocumentNode, limits: LimitSettings) -> None:
        self.fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        self.reached: set[str] = set()
        self._limits = limits
        self._selections = 0
        self._aliases = 0
        self._repeats = 0

    def operation(self, node: OperationDefinitionNode) -> None:
        fields = self.gather([node.selection_set], 1)
        limit = self._limits.root_fields
        if len(fields) > limit:
            first = list(fields.values())[limit][0]
            raise exceeded(RootFieldsExceeded, f"An operation has more than {limit} root fields.", first)
        self.objects(fields)

    def objects(self, fields: Gathered) -> None:
        """Whatever is selected of and below `fields`."""
        levels = [(fields, 1)]
        while levels:
            fields, depth = levels.pop()
            for nodes in fields.values():
                inner = [node.selection_set for node in nodes if node.selection_set is not None]
                if not inner:
                    continue
                if depth >= self._limits.depth:
                    message = f"The document selects more than {self._limits.depth} levels of fields."
                    raise exceeded(DepthExceeded, message, nodes[0])
                levels.append((self.gather(inner, depth + 1), depth + 1))

    def gather(self, selection_sets: Iterable[SelectionSetNode], depth: int) -> Gathered:
        """The fields of one object, of which each of the `selection_sets` selects some."""
        fields: dict[str, list[FieldNode]] = {}
        spread: set[str] = set()
        rest = list(selection_sets)
        while rest:
            for node in rest.pop().selections:
                self._selections += 1
                if self._selections > self._limits.fields:
                    message = f"The document selects more than {self._limits.fields} fields, with those of fragments."
                    raise exceeded(FieldsExceeded, message, node)
                if isinstance(node, FieldNode):
                    if node.alias is not None:
                        self._alias(node)
                    fields.setdefault(node.alias.value if node.alias else node.name.value, []).append(node)
                elif isinstance(node, InlineFragmentNode):
                    rest.append(node.selection_set)
                else:
                    self._spread(node.name.value, spread, rest)  # type: ignore[attr-defined]
        self._compare([len(spread), *map(len, fields.values())], depth, next(iter(fields.values()), None))
        self.reached |= spread
        return fields

    def _spread(self, name: str, spread: set[str], rest: list[SelectionSetNode]) -> None:
        fragment = self.fragments.get(name)
        if fragment is not None and name not in spread:
            spread.add(name)
            rest.append(fragment.selection_set)

    def _alias(self, node: FieldNode) -> None:
        self._aliases += 1
        if self._aliases > self._limits.aliases:
            raise exceeded(AliasesExceeded, f"The document has more than {self._limits.aliases} aliases.", node)

    def _compare(self, counts: Iterable[int], depth: int, nodes: Sequence[FieldNode] | None) -> None:
        """Validation compares each field with each other that has its key, from each level above them again."""
        self._repeats += depth * sum(count * (count - 1) // 2 for count in counts)
        if self._repeats > self._limits.repeats:
            message = "The document selects the same fields too often in one place."
            raise exceeded(RepeatsExceeded, message, *(nodes or ())[:1])


def exceeded(kind: type[RequestError], message: str, *nodes: Node) -> RequestError:
    """The error that shows where in the document the limit is met."""
    return kind(message, [GraphQLError(message, list(nodes))])
