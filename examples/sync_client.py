"""A copy of customers and orders that works offline: an SQLite file, equal to the server whenever it has caught up.

    python examples/sync_client.py http://127.0.0.1:8000/graphql copy.sqlite

It may be killed at any moment, and so may the server and the connection between them: what is written to the copy, and
how far it has come, are one transaction.
"""

import json
import logging
import random
import sqlite3
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import httpx

ENTITIES = ["CUSTOMER", "ORDER"]
FIELDS = """
    id
    ... on Customer { name email city }
    ... on Order { number status total customerId version }
"""
SYNC = f"""
query Sync($since: String, $entities: [WatchedEntity!]) {{
  sync(since: $since, entities: $entities, first: 500) {{ tombstones {{ id }} upserts {{ {FIELDS} }} cursor hasMore }}
}}
"""
CHANGES = f"""
subscription Changes($entities: [WatchedEntity!]) {{
  changes(entities: $entities) {{ kind key node {{ {FIELDS} }} }}
}}
"""
BEGIN_ANEW = {"CURSOR_EXPIRED", "INVALID_CURSOR"}
LONGEST_PAUSE = 10.0

logger = logging.getLogger("sync")


class Refused(Exception):
    """The server answered with errors; `code` is that of the first."""

    def __init__(self, errors: list[Any]) -> None:
        super().__init__(errors[0]["message"])
        self.code: str = errors[0]["extensions"]["code"]


class Replica:
    """Rows by their id, as JSON, and the cursor behind what they know.

    While everything is read anew, what there was stays; what of it has not come again by the end is dropped.
    """

    def __init__(self, path: str) -> None:
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.executescript(
            """
            PRAGMA journal_mode = WAL;
            CREATE TABLE IF NOT EXISTS rows (id TEXT PRIMARY KEY, data TEXT NOT NULL, round INTEGER NOT NULL);
            CREATE TABLE IF NOT EXISTS state (cursor TEXT, round INTEGER NOT NULL);
            INSERT INTO state SELECT NULL, 0 WHERE NOT EXISTS (SELECT 1 FROM state);
            """
        )

    @property
    def cursor(self) -> str | None:
        (cursor,) = self._database.execute("SELECT cursor FROM state").fetchone()
        return None if cursor is None else str(cursor)

    def begin_anew(self) -> None:
        self._database.execute("UPDATE state SET cursor = NULL, round = round + 1")

    def apply(
        self, gone: Iterable[str], rows: Iterable[Mapping[str, Any]], cursor: str, *, complete: bool = True
    ) -> None:
        """All of it, or nothing where this is interrupted."""
        execute = self._database.execute
        execute("BEGIN IMMEDIATE")
        for each in gone:
            execute("DELETE FROM rows WHERE id = ?", [each])
        for row in rows:
            execute("INSERT OR REPLACE INTO rows SELECT ?, ?, round FROM state", [row["id"], json.dumps(row)])
        if complete:
            execute("DELETE FROM rows WHERE round < (SELECT round FROM state)")
        execute("UPDATE state SET cursor = ?", [cursor])
        execute("COMMIT")


def catch_up(client: httpx.Client, url: str, replica: Replica) -> None:
    """Reads pages until there is nothing more."""
    more = True
    while more:
        variables = {"since": replica.cursor, "entities": ENTITIES}
        answer = client.post(url, json={"query": SYNC, "variables": variables}).raise_for_status().json()
        page = _data(answer)["sync"]
        more = page["hasMore"]
        gone = [each["id"] for each in page["tombstones"]]
        replica.apply(gone, page["upserts"], page["cursor"], complete=not more)


def follow(client: httpx.Client, url: str, replica: Replica) -> None:
    """Applies events as they come, until the connection ends."""
    request = {
        "query": CHANGES,
        "variables": {"entities": ENTITIES},
        "extensions": {"resumeFrom": replica.cursor},
    }
    with client.stream("POST", url, json=request, headers={"accept": "text/event-stream"}) as response:
        response.raise_for_status()
        for event in _events(response):
            change, cursor = _data(event)["changes"], event["extensions"]["cursor"]
            if change["node"] is None:
                replica.apply([change["key"]], [], cursor)
            else:
                replica.apply([], [change["node"]], cursor)


def _events(response: httpx.Response) -> Iterator[Any]:
    """https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md, distinct connections"""
    for line in response.iter_lines():
        if line == "event: complete":
            return
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


def _data(answer: Any) -> Any:
    if "errors" in answer:
        raise Refused(answer["errors"])
    return answer["data"]


def main(url: str, path: str) -> None:
    """Keeps the copy equal to the server, for as long as it runs."""
    replica = Replica(path)
    failures = 0
    while True:
        try:
            with httpx.Client(timeout=30) as client:  # longer than there is silence between heartbeats
                catch_up(client, url, replica)
                failures = 0
                follow(client, url, replica)
        except Refused as refusal:
            if refusal.code in BEGIN_ANEW:
                replica.begin_anew()
            failures += 1
            logger.warning("%s: %s", refusal.code, refusal)
        except httpx.HTTPError as error:
            failures += 1
            logger.warning("%s: %s", type(error).__name__, error)
        time.sleep(random.uniform(0, min(LONGEST_PAUSE, 0.1 * 2**failures)))  # noqa: S311 - jitter


if __name__ == "__main__":
    main(*sys.argv[1:])
