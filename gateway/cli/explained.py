"""How `gateway explain` shows an operation in a terminal."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from graphql import Source
from graphql.language import print_source_location
from rich.text import Text
from rich.tree import Tree

from gateway.errors import RequestError
from gateway.execution.explanation import (
    ExplainedFeed,
    ExplainedField,
    ExplainedLookup,
    ExplainedStatement,
    ExplainedTransaction,
    ExplainedWrite,
    Explanation,
)

MAXIMUM_TEXT = 2000
"""Characters of a statement that are shown; JSON has them all."""


def tree_of(explanation: Explanation) -> Tree:
    """The operation, its fields, and the total."""
    tree = Tree(_title(explanation))
    for field in explanation.fields:
        _add(tree, field, "")
    tree.add(Text(_total(explanation), "bold"))
    return tree


def _total(explanation: Explanation) -> str:
    spent, writes = explanation.milliseconds, explanation.writes or 0
    written = f"{_count(writes, 'write')} of {_count(explanation.written or 0, 'row')}, " if writes else ""
    return (
        f"{written}{_count(explanation.lookups, 'lookup')}, {_count(explanation.rows, 'row')}, "
        f"{_milliseconds(spent.planning)} planning, {_milliseconds(spent.executing)} executing"
    )


def error_lines(errors: Iterable[Mapping[str, Any]]) -> Iterator[Text]:
    """The answer's errors."""
    for error in errors:
        path = ".".join(map(str, error.get("path", ())))
        yield Text.assemble(
            ("error ", "bold red"), f"{path}: " if path else "", error["message"], f" ({error['extensions']['code']})"
        )


def mistakes(refusal: RequestError, document: str, name: str) -> Iterator[Text]:
    """What is wrong with a request, and where in its document, which goes by `name`."""
    if not refusal.errors:
        yield Text.assemble(("error ", "bold red"), str(refusal))
    for error in refusal.errors:
        yield Text.assemble(("error ", "bold red"), error.message)
        for location in error.locations or ():
            yield Text(print_source_location(Source(document, name), location))


def _title(explanation: Explanation) -> Text:
    title = Text(explanation.operation, "bold")
    if explanation.name:
        title.append(f" {explanation.name}")
    if explanation.operation == "subscription" and explanation.engine == "planned":
        title.append("  tried, not followed; changes that come together share these lookups", "yellow")
    if explanation.undone:
        title.append("  executed and undone; --commit keeps what it writes", "yellow")
    if explanation.reason and explanation.operation == "subscription":
        title.append(f"  not followed: {explanation.reason}", "yellow")
    elif explanation.reason:
        title.append(f"  on the standard engine: {explanation.reason}", "yellow")
    return title


def _add(tree: Tree, field: ExplainedField, above: str) -> None:
    branch = tree.add(_field(field, field.path.removeprefix(f"{above}.")))
    if field.feed is not None:
        branch.add(_feed(field.feed))
    for transaction in field.transactions:
        branch.add(_transaction(transaction))
    for write in field.writes:
        branch.add(_write(write))
    for lookup in field.lookups:
        branch.add(_lookup(lookup))
    for below in field.fields:
        _add(branch, below, field.path)


def _field(field: ExplainedField, path: str) -> Text:
    if not field.path:
        return Text("resolvers of the standard engine", "bold")
    label = Text.assemble((path, "bold green"), f"  {_kind(field)}")
    if field.relation:
        label.append(f", {field.relation}")
    if field.nested:
        label.append(", comes with its parents")
    if field.calls is not None:
        label.append(f" of {_count(field.calls, 'object')}")
    return label


def _kind(field: ExplainedField) -> str:
    match field.kind:
        case "connection":
            return f"page of {field.entity}"
        case "aggregate":
            return f"aggregate of {field.entity}"
        case "batched":
            return "computed, all at once,"
        case "computed" | "resolver" | "sync":
            return field.kind
        case "write":
            return f"writes {field.entity}"
        case "changes":
            return f"changes of {field.entity}"
    return field.entity or field.kind


def _lookup(lookup: ExplainedLookup) -> Text:
    label = Text.assemble((f"#{lookup.number} {lookup.source}.{lookup.collection}", "bold"))
    if lookup.keys is not None:
        first = ", ".join(map(str, lookup.first))
        more = ", …" if lookup.keys > len(lookup.first) else ""
        label.append(f"  {_count(lookup.keys, 'key')} of {lookup.key} ({first}{more})")
    if lookup.shared is not None:
        label.append("  merged, see above" if lookup.shared == "merged" else "  loaded already, see above", "yellow")
    if lookup.rows is not None:
        label.append(f"  {_count(lookup.rows, 'row')}")
    if lookup.milliseconds is not None:
        label.append(f"  {_milliseconds(lookup.milliseconds)}")
    if lookup.merged is not None:
        label.append(f"  merged with {_count(lookup.merged, 'other')}", "yellow")
    return _with_statements(label, lookup.error, lookup.statements)


def _feed(feed: ExplainedFeed) -> Text:
    label = Text.assemble((f"feed of {feed.source}.{feed.collection}", "bold"))
    if feed.filter is not None:
        label.append(f"  where {feed.filter}")
    tried = "there is no such row to try it with" if feed.example is None else f"tried with {feed.example}"
    return label.append(f"  {tried}", "yellow" if feed.example is None else "")


def _transaction(transaction: ExplainedTransaction) -> Text:
    label = Text.assemble((f"transaction of {transaction.source}", "bold"))
    if transaction.outcome is None:
        return label.append("  could not begin", "red").append(f"  {_milliseconds(transaction.end)}")
    label.append(f"  begun in {_milliseconds(transaction.begin)}, ")
    label.append(transaction.outcome, "" if transaction.outcome == "committed" else "yellow")
    return label.append(f" in {_milliseconds(transaction.end)}")


def _write(write: ExplainedWrite) -> Text:
    match write.kind:
        case "claim":
            what = "claims the idempotency key" if not write.rows else "finds the answer to the idempotency key"
        case "undo":
            what = "takes back what it wrote"
        case "record":
            what = "records the answer"
        case _:
            what = f"{write.kind} {write.source}.{write.collection}"
    label = Text.assemble((what, "bold"))
    if write.collection is not None and write.rows is not None:
        label.append(f"  {_count(write.rows, 'row')}")
    label.append(f"  {_milliseconds(write.milliseconds)}")
    return _with_statements(label, write.error, write.statements)


def _with_statements(label: Text, error: str | None, statements: Sequence[ExplainedStatement]) -> Text:
    if error is not None:
        label.append(f"  {error}", "red")
    for statement in statements:
        label.append("\n").append_text(_statement(statement, timed=len(statements) > 1))
    return label


def _statement(statement: ExplainedStatement, *, timed: bool) -> Text:
    text = "\n".join(line.rstrip() for line in statement.text.splitlines())
    cut = text if len(text) <= MAXIMUM_TEXT else f"{text[:MAXIMUM_TEXT]}…"
    shown = Text(cut, "cyan")
    return shown.append(f"  {_milliseconds(statement.milliseconds)}", "default") if timed else shown


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _milliseconds(number: float) -> str:
    return f"{number:,.2f} ms"
