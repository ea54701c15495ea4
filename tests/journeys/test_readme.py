"""The README's promises, kept by its own words: its commands, its example, its queries."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import httpx

from tests.support.command import run, running
from tests.support.postgres import running_postgres

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)


def block(language: str, containing: str) -> str:
    """The README's only block of this language that contains the text."""
    (found,) = [text for kind, text in BLOCKS if kind == language and containing in text]
    return str(found)


def test_two_commands_do_everything() -> None:
    assert block("sh", "uv && uv run gateway dev") == "pip install uv && uv run gateway dev\n"
    assert block("sh", "pytest") == "pip install uv && uv run pytest\n"


def test_the_first_query_crosses_three_systems(folder: Path) -> None:
    with running("dev", "--port", "0", cwd=folder) as endpoint:
        answer = httpx.post(endpoint, json={"query": block("graphql", "stockLevels")}).json()
    assert list(answer) == ["data"]
    customers = answer["data"]["customers"]["nodes"]
    assert len(customers) == 2
    for customer in customers:
        (order,) = customer["orders"]["nodes"]
        (line,) = order["lines"]["nodes"]
        assert len(line["product"]["stockLevels"]["nodes"]) == 2
        assert line["product"]["stockLevels"]["nodes"][0]["warehouse"]["name"]


def test_a_stranger_adds_an_entity_in_under_20_lines(folder: Path) -> None:
    example = block("python", "@entity")
    declaration = example[example.index("@entity") :]
    assert len(declaration.strip().splitlines()) < 20
    (folder / "reviews.py").write_text(example, encoding="utf-8")

    make, serve = block("sh", "CREATE TABLE").rsplit("\n", 2)[:2]
    subprocess.run(make.replace("python ", f"{sys.executable} ", 1), shell=True, check=True, cwd=folder)  # noqa: S602
    variable, command = serve.split(" uv run gateway ")
    name, url = variable.split("=")
    with running(*command.split(), "--port", "0", cwd=folder, variables={name: url}) as endpoint:
        answer = httpx.post(endpoint, json={"query": block("graphql", "reviewsAggregate")}).json()
    assert answer == {
        "data": {
            "reviews": {
                "totalCount": 1,
                "nodes": [
                    {
                        "stars": 5,
                        "text": "Runs and runs.",
                        "writtenAt": "2026-03-01T10:00:00+00:00",
                        "product": {"sku": "BRG-0001"},
                        "customer": {"id": "Customer:2"},
                    }
                ],
            },
            "reviewsAggregate": {"avg": {"stars": 5.0}},
        }
    }


def test_the_same_graph_reads_postgresql(folder: Path) -> None:
    query = {"query": (ROOT / "schema/examples/1_three_systems_one_query.graphql").read_text(encoding="utf-8")}
    with running("dev", "--port", "0", cwd=folder) as endpoint:
        expected = httpx.post(endpoint, json=query).json()
    assert list(expected) == ["data"]

    with running_postgres() as server:
        commands = block("sh", "demo load").replace("\\\n", "")
        load, serve = commands.replace("postgresql+asyncpg://postgres@localhost/demo", server.url()).splitlines()
        loaded = run(*load.removeprefix("uv run gateway ").split(), cwd=folder)
        assert (loaded.returncode, loaded.stderr) == (0, "")

        settings, command = serve.split(" uv run gateway ")
        variables = dict(setting.split("=", 1) for setting in settings.split())
        assert list(variables) == ["GATEWAY_SOURCES__CRM__URL", "GATEWAY_SOURCES__ERP__URL"]
        with running(command, "--port", "0", cwd=folder, variables=variables) as endpoint:
            assert httpx.post(endpoint, json=query).json() == expected


def test_explain_shows_what_the_readme_says(folder: Path) -> None:
    command = shlex.split(block("sh", "gateway explain"))
    ended = run(*command[3:], cwd=folder)
    assert timeless(ended.stdout) == timeless(block("text", "lookups"))


def timeless(text: str) -> str:
    return re.sub(r"\d+\.\d\d ms", "… ms", text)


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(((?!http)[^)]+)\)", README)
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_an_order_is_made_changed_and_removed(folder: Path) -> None:
    with running("dev", "--port", "0", cwd=folder) as endpoint:
        made = httpx.post(endpoint, json={"query": block("graphql", "createOrder")}).json()["data"]["createOrder"]
        assert [line["amount"] for line in made["lines"]["nodes"]] == ["50.00", "36.40"]
        variables = {"id": made["id"], "line": made["lines"]["nodes"][0]["id"]}
        answer = httpx.post(endpoint, json={"query": block("graphql", "updateOrder"), "variables": variables}).json()
        again = httpx.post(endpoint, json={"query": block("graphql", "updateOrder"), "variables": variables}).json()
    assert made["version"] == 1
    assert answer == {
        "data": {
            "updateOrder": {
                "status": "CONFIRMED",
                "version": 2,
                "lines": {"nodes": [{"position": 2}, {"position": 3}]},
            },
            "deleteOrder": {"number": "SO-README-1"},
        }
    }
    assert [error["extensions"]["code"] for error in again["errors"]] == ["NOT_FOUND", "NOT_FOUND"]
