"""graphql-core's executor, but for entities' fields, which run as plans, and ordinary types, which need no executor."""

from collections.abc import Callable, Coroutine
from copy import copy
from typing import Any, cast

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
)
from graphql.execution.collect_fields import FieldDetails, FragmentDetails
from graphql.execution.executor import default_field_resolver, default_type_resolver
from graphql.pyutils import Path
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.types.field import StrawberryField
from strawberry.types.info import Info

from datasources.errors import GatewayError
from gateway.execution.levels import follow
from gateway.execution.mutations import run_mutation, write_group
from gateway.execution.operation import Operation, core_schema, viewer_of
from gateway.execution.outcome import Outcome
from gateway.execution.plain import is_plain
from gateway.execution.plan import AggregateStep, RelationStep
from gateway.execution.planner import Planner
from gateway.execution.roots import in_order, take_root
from gateway.execution.run import Run
from gateway.execution.values import aggregate_keys
from gateway.execution.write_plan import MutationPlan, WriteRoot, refuse_unplanned
from resolvers.rows import key_getter

Field = Callable[["PlanExecutor", Any, Path], Any]
"""Resolves and completes a field of an object. Raises where graphql-core has to."""


class PlanExecutor(StrawberryGraphQLCoreExecutionContext):
    """Answers as its parent does."""

    planner: Planner | None = None
    """None where every field goes the standard way."""
    has_run_plans = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.run: Run | None = None
        self._fields: dict[int, tuple[list[FieldDetails], Field | None]] = {}

    @classmethod
    def build(cls, schema: GraphQLSchema, document: DocumentNode, *args: Any, **kwargs: Any) -> Any:
        """The executor, or what is wrong with the operation."""
        built = super().build(schema, document, *args, **kwargs)
        if isinstance(built, PlanExecutor):
            built.prepare(schema._strawberry_schema.operation_of(document, built.operation))  # type: ignore[attr-defined]
        return built

    @classmethod
    def of(cls, operation: Operation, run: Run) -> "PlanExecutor":
        """An executor for what a plan leaves to graphql-core."""
        executor = cls(
            core_schema(operation.schema),
            dict(operation.fragments),
            {name: FragmentDetails(node) for name, node in operation.fragments.items()},
            None,
            run.context,
            operation.node,
            run.variables,
            default_field_resolver,
            default_type_resolver,
            default_field_resolver,
            is_awaitable=optimized_is_awaitable,
        )
        executor.run = run
        executor.planner = operation.planner(run.variables, viewer_of(run.context))
        return executor

    def prepare(self, operation: Operation) -> None:
        """Plan, unless something wants to see every field."""
        middleware = self.middleware_manager
        if middleware is not None and middleware.middlewares:
            return
        self.planner = operation.planner(self.variable_values, viewer_of(self.context_value))
        self.run = Run(self.context_value, self.variable_values, False, lambda _: self)

    def within(self, run: Run) -> "PlanExecutor":
        """An executor for a run within this one's, that has a context of its own."""
        executor = copy(self)
        executor.context_value = run.context
        executor.run = run
        executor._fields = {}
        return executor

    def build_per_event_executor(self, payload: Any) -> "PlanExecutor":
        """The executor of one event of a subscription."""
        executor = cast("PlanExecutor", super().build_per_event_executor(payload))
        if self.run is not None:
            executor.run = Run(self.context_value, self.variable_values, False, lambda _: executor)
        return executor

    def build_response(self, data: dict[str, Any] | None) -> Any:
        """Plans find errors level by level; they are told in the order of the answer."""
        if self.has_run_plans:
            errors = self.collected_errors.errors
            errors[:] = in_order(data, errors)
        return super().build_response(data)

    def info_of(self, raw: GraphQLResolveInfo[Any], field: StrawberryField) -> Info[Any, Any]:
        """What Strawberry's resolvers see of `raw`."""
        made: Info[Any, Any] = self.schema._strawberry_schema.config.info_class(  # type: ignore[attr-defined]
            _raw_info=raw, _field=field
        )
        return made

    def execute_field(
        self,
        parent_type: GraphQLObjectType,
        source: Any,
        field_details_list: list[FieldDetails],
        path: Path,
        position_context: Any,
    ) -> Any:
        if self.planner is not None and position_context is None:
            known = self._fields.get(id(field_details_list))
            if known is None:
                field = self._field(self.planner, parent_type, field_details_list)
                self._fields[id(field_details_list)] = field_details_list, field
            else:
                field = known[1]
            if field is not None:
                try:
                    return field(self, source, path)
                except Exception:  # noqa: BLE001, S110 - graphql-core tells what is wrong
                    pass
        return super().execute_field(parent_type, source, field_details_list, path, position_context)

    def execute_fields_serially(
        self,
        parent_type: GraphQLObjectType,
        source_value: Any,
        path: Path | None,
        grouped_field_set: Any,
        position_context: Any,
    ) -> Any:
        plan = None if self.planner is None else self.planner.mutation
        if plan is not None:
            return self._mutate(plan)
        try:
            refuse_unplanned(self.operation, self.context_value)
        except GatewayError as error:
            raise GraphQLError(str(error), original_error=error) from error
        return super().execute_fields_serially(parent_type, source_value, path, grouped_field_set, position_context)

    async def _mutate(self, plan: MutationPlan) -> dict[str, Any] | None:
        data, errors = await run_mutation(self.running, plan)
        for error in errors:
            self.collected_errors.add(error, _path(error))
        return data

    def complete_value(
        self,
        return_type: Any,
        field_details_list: list[FieldDetails],
        info: GraphQLResolveInfo[Any],
        path: Path,
        result: Any,
        position_context: Any,
    ) -> Any:
        if self.planner is not None and position_context is None and result is not None:
            complete = self.planner.completer(return_type, field_details_list)
            if complete is not None:
                try:
                    return complete(result)
                except Exception:  # noqa: BLE001, S110 - graphql-core tells what is wrong
                    pass
        return super().complete_value(return_type, field_details_list, info, path, result, position_context)

    def _field(self, planner: Planner, parent: GraphQLObjectType, details: list[FieldDetails]) -> Field | None:
        single = planner.single(parent, details)
        if isinstance(single, (RelationStep, AggregateStep)):
            return _follower(single)
        if isinstance(single, WriteRoot):
            return lambda executor, _, path: executor.take(path, write_group(executor.running, (single,), path.prev))
        if single is not None:
            return lambda executor, _, path: executor.take(path, take_root(executor.running, single, path.prev))
        definition = self.schema.get_field(parent, details[0].node.name.value)
        plain = is_plain(definition)
        if plain is None or definition is None or definition.resolve is None:
            return None
        complete = planner.completer(definition.type, details)
        if complete is None:
            return None
        resolve = definition.resolve
        return lambda _, source, __: complete(resolve(source, None))  # a basic field sees no info

    @property
    def running(self) -> Run:
        assert self.run is not None  # noqa: S101 - set with the planner
        return self.run

    async def take(self, path: Path, answers: Coroutine[Any, Any, Any]) -> Any:
        """A planned field's value; what failed is told."""
        ((_, outcome),) = await answers
        return self.tell(path, outcome)

    def tell(self, path: Path, outcome: Outcome) -> Any:
        """The value of an outcome. Raises what failed where it takes its parent along."""
        before = path.prev.as_list() if path.prev is not None else []
        errors = [failure.under(tuple(before)).located() for failure in outcome.failures.get(0, ())]
        if 0 in outcome.dead:
            raise errors[-1]
        self.has_run_plans = True
        for error in errors:
            self.collected_errors.add(error, _path(error))
        return outcome.values[0]


def _path(error: GraphQLError) -> Path | None:
    path: Path | None = None
    for key in error.path or ():
        path = Path(path, key, None)
    return path


def _follower(step: RelationStep | AggregateStep) -> Field:
    relation = step.field.relation
    key_of = key_getter(relation.owner(), relation.local)

    async def value(executor: PlanExecutor, key: Any, path: Path) -> Any:
        if isinstance(step, RelationStep):
            return executor.tell(path, await follow(executor.running, step, [key], [path.prev]))
        return executor.tell(path, await aggregate_keys(executor.running, step, [key]))

    return lambda executor, source, path: value(executor, key_of(source), path)
