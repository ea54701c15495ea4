"""How far a long piece of work has come."""

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called with a step's name, how many of its rows are done, and how many there are; steps come one after the other."""


def silent(_step: str, _done: int, _total: int) -> None:
    """Nobody looks."""


class Step:
    """Adds up what is done of one step and reports it."""

    def __init__(self, report: Progress, name: str, total: int) -> None:
        self._report = report
        self._name = name
        self._done = 0
        self._total = total
        report(name, 0, total)

    def advance(self, rows: int) -> None:
        self._done += rows
        self._report(self._name, self._done, self._total)
