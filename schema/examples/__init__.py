"""Telling operations, which GraphiQL shows in its first tabs."""

from importlib.resources import files
from importlib.resources.abc import Traversable


def _title(path: Traversable) -> str:
    """`2_open_orders.graphql` is titled "Open orders"."""
    return path.name.removesuffix(".graphql").partition("_")[2].replace("_", " ").capitalize()


EXAMPLES: tuple[tuple[str, str], ...] = tuple(
    (_title(path), path.read_text(encoding="utf-8"))
    for path in sorted(files(__name__).iterdir(), key=lambda path: path.name)
    if path.name.endswith(".graphql")
)
"""(title, document) of each."""
