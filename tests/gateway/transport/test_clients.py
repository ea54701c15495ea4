"""Real npm clients against a real server: each subscribes, and what it hears is what was said."""

import json
from pathlib import Path

import pytest

from tests.gateway.live import live_app, live_settings
from tests.support.npm import installed, node
from tests.support.server import serve_in_thread

PACKAGES = (
    "@apollo/client@4.3.8",
    "@urql/core@6.0.3",
    "graphql@16.15.0",
    "graphql-sse@2.6.1",
    "graphql-ws@6.4.2",
    "rxjs@7.8.2",
    "ws@8.23.0",
)

COMMON = """
const url = process.argv[2];
const all = (start) => new Promise((resolve) => {
  const results = [];
  start({
    next: (result) => results.push(result),
    error: (error) => resolve([...results, ["error", error]]),
    complete: () => resolve(results),
  });
});
"""
GRAPHQL_WS = (
    """
import { createClient } from "graphql-ws";
import WebSocket from "ws";
"""
    + COMMON
    + """
const client = createClient({ url: url.replace("http", "ws"), webSocketImpl: WebSocket, keepAlive: 5 });
"""
)
GRAPHQL_SSE = (
    """
import { createClient } from "graphql-sse";
"""
    + COMMON
    + """
const client = createClient({ url, singleConnection: process.argv[3] === "single", retryAttempts: 0 });
"""
)
ALL = """
const told = [];
for (const query of JSON.parse(process.argv.at(-1))) {
  told.push(await all((sink) => client.subscribe({ query }, sink)));
}
console.log(JSON.stringify(told));
process.exit(0);
"""
APOLLO = """
import { ApolloClient, HttpLink, InMemoryCache, gql } from "@apollo/client/core/index.js";
const client = new ApolloClient({ cache: new InMemoryCache(), link: new HttpLink({ uri: process.argv[2] }) });
const told = [];
for (const query of JSON.parse(process.argv.at(-1))) {
  told.push(await new Promise((resolve) => {
    const results = [];
    client.subscribe({ query: gql(query), errorPolicy: "all" }).subscribe({
      next: ({ data, error }) => results.push(error ? { data, errors: error.errors } : { data }),
      error: (error) => resolve([...results, ["error", String(error)]]),
      complete: () => resolve(results),
    });
  }));
}
console.log(JSON.stringify(told));
process.exit(0);
"""
URQL = """
import { Client, fetchExchange, gql } from "@urql/core";
const client = new Client({
  url: process.argv[2], exchanges: [fetchExchange], fetchSubscriptions: true, preferGetMethod: false,
});
const told = [];
for (const query of JSON.parse(process.argv.at(-1))) {
  told.push(await new Promise((resolve) => {
    const results = [];
    const operation = query.startsWith("subscription") ? client.subscription : client.query;
    const { unsubscribe } = operation.call(client, gql(query), {}).subscribe(({ data, error, hasNext }) => {
      if (hasNext || !results.length) results.push(error ? { data, errors: error.graphQLErrors } : { data });
      if (!hasNext) setTimeout(() => { unsubscribe(); resolve(results); }, 0);
    });
  }));
}
console.log(JSON.stringify(told));
process.exit(0);
"""

COUNT = "subscription { count(to: 3) }"
QUERY = "query { customer(id: 1) { name } }"
WRONG = "subscription { nothing }"
COUNTED = [{"data": {"count": number}} for number in (1, 2, 3)]
ANSWER = {"data": {"customer": {"name": "Müller Maschinenbau"}}}
MISTAKE = {
    "message": "Cannot query field 'nothing' on type 'Subscription'.",
    "locations": [{"line": 1, "column": 16}],
    "extensions": {"code": "GRAPHQL_VALIDATION_FAILED"},
}
PRINTED = {**MISTAKE, "locations": [{"line": 2, "column": 3}]}
"""By clients that print the document anew."""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return installed(tmp_path_factory.mktemp("npm"), *PACKAGES)


def told(packages: Path, script: str, *arguments: str, queries: tuple[str, ...] = (COUNT, QUERY, WRONG)) -> object:
    """What the client hears of each operation, one after the other."""
    settings = live_settings()
    with serve_in_thread(live_app(settings), settings) as url:
        return json.loads(node(packages, script, f"{url}/graphql", *arguments, json.dumps(queries)))


@pytest.mark.npm
def test_graphql_ws(packages: Path) -> None:
    assert told(packages, GRAPHQL_WS + ALL) == [COUNTED, [ANSWER], [["error", [MISTAKE]]]]


@pytest.mark.npm
def test_graphql_sse_with_a_stream_for_each_operation(packages: Path) -> None:
    assert told(packages, GRAPHQL_SSE + ALL, "distinct") == [COUNTED, [ANSWER], [{"errors": [MISTAKE]}]]


@pytest.mark.npm
def test_graphql_sse_with_one_stream(packages: Path) -> None:
    assert told(packages, GRAPHQL_SSE + ALL, "single", queries=(COUNT, QUERY)) == [COUNTED, [ANSWER]]


@pytest.mark.npm
def test_apollo_client_in_parts(packages: Path) -> None:
    assert told(packages, APOLLO, queries=(COUNT, WRONG)) == [COUNTED, [{"errors": [PRINTED]}]]


@pytest.mark.npm
def test_urql(packages: Path) -> None:
    assert told(packages, URQL) == [COUNTED, [ANSWER], [{"errors": [PRINTED]}]]
