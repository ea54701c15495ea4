"""What the commands share: where they print, their common options, and how they fail."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from datasources.errors import GatewayError

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False, soft_wrap=True)

UNBROKEN = 10_000
"""Characters of a line where it goes to a file or a program."""

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="The settings' file; by default GATEWAY_CONFIG, or ./gateway.toml."),
]


@contextmanager
def failing_clearly() -> Iterator[None]:
    """Turns what the user can mend into lines on stderr and exit code 2."""
    try:
        yield
    except GatewayError as error:
        _fail(str(error))
    except PermissionError as error:
        _fail(f"{error.filename} cannot be written or read: permission denied.")
    except OSError as error:
        _fail(f"{error.filename}: {error.strerror}." if error.filename else f"{error}.")


def log_to_stderr() -> None:
    """The gateway's log, a line for each event, with tracebacks."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr)


def _fail(message: str) -> None:
    for line in message.splitlines():
        errors.print(f"[bold red]gateway:[/] {_escape(line)}")
    raise typer.Exit(2)


def _escape(text: str) -> str:
    return text.replace("[", r"\[")
