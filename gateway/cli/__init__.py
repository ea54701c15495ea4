"""The command `gateway`."""

import typer

from gateway.cli import changes, clients, demo, operations, policy, schema
from gateway.cli.dev import dev
from gateway.cli.explain import explain
from gateway.cli.serve import serve_command

app = typer.Typer(
    name="gateway",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="One GraphQL endpoint over a company's databases and services. Start with [bold]gateway dev[/].",
    rich_markup_mode="rich",
)
app.command()(dev)
app.command("serve")(serve_command)
app.command()(explain)
app.add_typer(schema.app, name="schema")
app.add_typer(changes.app, name="changes")
app.add_typer(clients.app, name="clients")
app.add_typer(operations.app, name="operations")
app.add_typer(demo.app, name="demo")
app.add_typer(policy.app, name="policy")


def main() -> None:
    """Runs the command line."""
    app()
