"""Fields that Python computes from columns of their row, one row at a time or a whole level at once."""

import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, get_args, get_origin

from strawberry.annotation import StrawberryAnnotation
from strawberry.types.field import StrawberryField
from strawberry.types.fields.resolver import StrawberryResolver
from strawberry.types.info import Info

from resolvers.annotations import return_annotation
from resolvers.errors import SchemaError
from resolvers.loaders import Loader, batch_loader
from resolvers.policies import Policies, Policy, as_policies

BatchFunction = Callable[[list[Any], Info], Awaitable[Sequence[Any]]]


class Computed(StrawberryField):
    """A field whose resolver runs per row, with the row's `needs` loaded."""

    needs: tuple[str, ...] = ()
    requires: Policies = ()


class BatchedComputed(Computed):
    """A field whose function runs once for all rows of a level."""

    function: BatchFunction

    @property
    def is_basic_field(self) -> bool:
        return False

    def get_result(self, source: Any, info: Info | None, args: list[Any], kwargs: Any) -> Any:
        assert info is not None  # noqa: S101 - Strawberry passes it to every field that is not basic

        async def batch(rows: list[Any]) -> list[Any]:
            return await self.values(rows, info)

        loader: Loader = info.context.once(self, lambda: batch_loader(info.context, batch))
        return loader.get(source)

    async def values(self, rows: list[Any], info: Info) -> list[Any]:
        """One value for each row. Raises SchemaError where the function returns more or fewer."""
        values = await self.function(rows, info)
        if len(values) != len(rows):
            raise SchemaError(f"{self.function.__qualname__} returned {len(values)} values for {len(rows)} rows.")
        return list(values)


def computed(
    *, needs: Sequence[str], batched: bool = False, requires: Policy | Sequence[Policy] | None = None
) -> Callable[[Callable[..., Any]], Any]:
    """A field computed from the attributes named in `needs`, which are loaded for it.

    Per row: `def display_total(self) -> str`; arguments after `self` become the field's arguments. With
    `batched`, a static method: `async def margin(rows: list[Order], info: Info) -> list[Decimal | None]`, one value
    for each row. What reads a source had better be nullable: when the source fails, only this field is lost.

    A viewer must have what it `requires`, and what the columns do that it needs.
    """

    def decorate(declared: Any) -> Any:
        function: Callable[..., Any] = getattr(declared, "__func__", declared)
        if not batched:
            field = Computed(base_resolver=StrawberryResolver(function), python_name=function.__name__)
            field.needs = tuple(needs)
            field.requires = as_policies(requires)
            field.description = inspect.getdoc(function)
            return field
        if len(inspect.signature(function).parameters) != 2 or not inspect.iscoroutinefunction(function):
            raise SchemaError(
                f"{function.__qualname__} is batched: write it as `async def {function.__name__}(rows, info)`."
            )
        returned = return_annotation(function)
        if get_origin(returned) is not list:
            raise SchemaError(f"{function.__qualname__} is batched: it returns `list[…]`, one value for each row.")
        many = BatchedComputed(
            python_name=function.__name__,
            type_annotation=StrawberryAnnotation(get_args(returned)[0]),
            description=inspect.getdoc(function),
        )
        many.needs = tuple(needs)
        many.requires = as_policies(requires)
        many.function = function
        return many

    return decorate
