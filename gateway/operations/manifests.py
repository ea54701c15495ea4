"""Files with the operations of an app, as its build tools write them.

* Apollo: https://www.apollographql.com/docs/graphos/platform/security/persisted-queries
* Relay: https://relay.dev/docs/guides/persisted-queries/
* Hive: https://the-guild.dev/graphql/hive/docs/app-deployments
* a folder of .graphql files, which may use each other's fragments
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson
from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSyntaxError,
    Node,
    OperationDefinitionNode,
    Source,
    Visitor,
    print_ast,
    visit,
)

from gateway.errors import ConfigError
from gateway.operations.automatic import digest_of
from gateway.operations.documents import parsed

APOLLO = "apollo-persisted-query-manifest"
NO_FILE = ""
"""The source's name of what is no file."""
SUFFIXES = (".graphql", ".gql")


@dataclass(frozen=True, slots=True)
class Problem:
    """What keeps an operation from being published."""

    document: str
    """Its name, or its file."""
    line: int | None
    message: str

    def __str__(self) -> str:
        return f"{self.document}{'' if self.line is None else f', line {self.line}'}: {self.message}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One document of a manifest; `document` knows the lines of the files that it comes from."""

    label: str
    id: str
    body: str
    document: DocumentNode
    client: str | None = None
    """Whom the manifest says that it is for."""


def read_manifest(path: Path, tokens: int, release: str | None = None) -> tuple[list[Entry], list[Problem]]:
    """What a file or a folder holds; documents have `tokens` at most.

    `release` is Hive's `<app>~<version>`, which ids begin with then. Raises ConfigError where nothing can be made of
    it.
    """
    if path.is_dir():
        return _read_folder(path, tokens)
    entries, problems = [], []
    for id_, label, body, client in _read_file(path):
        try:
            document = parsed(Source(body, NO_FILE), tokens)
        except GraphQLSyntaxError as error:
            problems.append(problem(label, error))
            continue
        entries.append(Entry(label, id_ if release is None else f"{release}~{id_}", body, document, client))
    return entries, problems


def problem(label: str, error: GraphQLError) -> Problem:
    """`label` names the document, unless the error knows a file."""
    file = NO_FILE if error.source is None else error.source.name
    return Problem(file or label, error.locations[0].line if error.locations else None, error.message)


def _read_file(path: Path) -> Iterator[tuple[str, str, str, str | None]]:
    """Id, label, text and client of each."""
    try:
        content = orjson.loads(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError:
        raise ConfigError(f"{path} is not JSON.") from None
    if isinstance(content, dict) and "format" in content:
        yield from _of_apollo(path, content)
        return
    pairs = list(content.items()) if isinstance(content, dict) else content
    if not isinstance(pairs, list):
        raise ConfigError(f"{path} is no manifest: it must be Apollo's, a map from ids to texts, or a list of pairs.")
    for number, pair in enumerate(pairs):
        match pair:
            case (str() as id_, str() as body) | [str() as id_, str() as body] if id_:
                yield id_, id_, body, None
            case _:
                raise ConfigError(f"{path}: entry {number + 1} is no pair of an id and a text.")


def _of_apollo(path: Path, content: Mapping[str, object]) -> Iterator[tuple[str, str, str, str | None]]:
    operations = content.get("operations")
    if content["format"] != APOLLO or content.get("version") != 1 or not isinstance(operations, list):
        raise ConfigError(f"{path}: only version 1 of {APOLLO} is known, with its operations in a list.")
    for number, each in enumerate(operations):
        match each:
            case {"id": str() as id_, "body": str() as body} if id_:
                client = each.get("clientName")
                yield id_, str(each.get("name") or id_), body, client if isinstance(client, str) else None
            case _:
                raise ConfigError(f"{path}: operation {number + 1} must have an id and a body, which are strings.")


def _read_folder(path: Path, tokens: int) -> tuple[list[Entry], list[Problem]]:
    files = sorted(each for each in path.rglob("*") if each.suffix in SUFFIXES)
    if not files:
        raise ConfigError(f"{path} has no {' or '.join(SUFFIXES)} files.")
    problems, fragments, documents = [], {}, []
    for file in files:
        label = file.relative_to(path).as_posix()
        try:
            text = file.read_text(encoding="utf-8")
            document = parsed(Source(text, label), tokens)
        except GraphQLSyntaxError as error:
            problems.append(problem(label, error))
            continue
        except UnicodeDecodeError:
            problems.append(Problem(label, None, "is not UTF-8."))
            continue
        documents.append((label, text, document))
        for node in document.definitions:
            if isinstance(node, FragmentDefinitionNode):
                if node.name.value in fragments:
                    problems.append(Problem(label, _line(node), f"There is another fragment {node.name.value!r}."))
                fragments[node.name.value] = node
    entries = [each for label, text, document in documents for each in _entries(label, text, document, fragments)]
    return entries, problems


def _entries(
    label: str, text: str, document: DocumentNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> Iterator[Entry]:
    """The operations of a file, each with the fragments that it uses. One that needs no others stays as it is."""
    for node in document.definitions:
        if not isinstance(node, OperationDefinitionNode):
            continue
        whole = (node, *_used(node, fragments))
        if {*map(id, whole)} == {*map(id, document.definitions)}:
            yield Entry(label, digest_of(text), text, document)
            continue
        body = "\n\n".join(map(print_ast, whole)) + "\n"
        yield Entry(label, digest_of(body), body, DocumentNode(definitions=whole))


def _used(node: Node, fragments: Mapping[str, FragmentDefinitionNode]) -> list[FragmentDefinitionNode]:
    found: dict[str, FragmentDefinitionNode] = {}
    waiting: list[Node] = [node]
    while waiting:
        spreads = _Spreads()
        visit(waiting.pop(), spreads)
        for name in spreads.names:
            if name in fragments and name not in found:
                found[name] = fragments[name]
                waiting.append(fragments[name])
    return list(found.values())


class _Spreads(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def enter_fragment_spread(self, node: FragmentSpreadNode, *_: object) -> None:
        self.names.append(node.name.value)


def _line(node: Node) -> int | None:
    return None if node.loc is None else node.loc.start_token.line
