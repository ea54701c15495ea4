"""What runs: one operation, and a level of its plan."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from graphql.execution.values import VariableValues
from graphql.pyutils import Path

from datasources.base import Datasource
from datasources.lookup import Row
from gateway.execution.plan import ObjectPlan, Part
from resolvers.context import Context
from resolvers.loaders import Level, Template, lookup_loader

if TYPE_CHECKING:
    from gateway.execution.executor import PlanExecutor
    from gateway.execution.write_plan import WriteRoot

Paths = Sequence[Path | None] | None
"""Where each row stands in the answer; None where that need not be known."""


@dataclass(slots=True)
class Run:
    """One operation under way."""

    context: Context
    variables: VariableValues
    alone: bool
    """Whether nothing but its plan runs."""
    make_executor: "Callable[[Run], PlanExecutor]"
    nests: bool = False
    """Whether lookups may be nested: the answer then holds parts that are JSON already."""
    writes_alone: bool = True
    """Whether what is one statement may be written without a transaction."""
    _executor: "PlanExecutor | None" = None

    @property
    def unnested(self) -> "Run":
        """The same operation, which reads relations by lookups of their own."""
        return replace(self, nests=False)

    @property
    def executor(self) -> "PlanExecutor":
        """What runs the fields that are not planned."""
        if self._executor is None:
            self._executor = self.make_executor(self)
        return self._executor

    def within(self, context: Context) -> "Run":
        """A run within this one, that has a context of its own."""
        return Run(context, self.variables, self.alone, self.executor_within)

    def executor_within(self, inner: "Run") -> "PlanExecutor":
        """What runs the fields of such a one that are not planned."""
        return self.executor.within(inner)

    def load(self, part: Part, template: Template, keys: Collection[Any], *, alone: bool = False) -> Awaitable[Level]:
        """What `part` of the plan finds under these keys."""
        return lookup_loader(self.context, template).load_level(keys, alone=alone)

    def source(self, part: Part, name: str) -> Datasource:
        """The source that `part` is about to ask without keys."""
        return self.context.sources[name]

    def call(self, part: Part, rows: Sequence[Row]) -> None:
        """Told that Python code is about to be called for these rows; of interest to who watches."""

    def writing(self, root: "WriteRoot") -> AbstractContextManager[None]:
        """The time in which `root` is written; of interest to who watches."""
        return nullcontext()


MakeRun = Callable[[Context, VariableValues, bool, "Callable[[Run], PlanExecutor]", bool], Run]


@dataclass(slots=True)
class Rank:
    """A level under way: its rows, and the instances that Python code sees of them."""

    run: Run
    plan: ObjectPlan
    rows: Sequence[Row]
    paths: Paths
    _instances: list[Any] | None = None

    @property
    def instances(self) -> list[Any]:
        if self._instances is None:
            self._instances = self.plan.instances(self.rows)
        return self._instances
