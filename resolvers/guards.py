"""What keeps fields from viewers who may not see them, under Strawberry's own engine too."""

from typing import Any

from strawberry.extensions.field_extension import AsyncExtensionResolver, FieldExtension, SyncExtensionResolver
from strawberry.types.base import get_object_definition
from strawberry.types.field import StrawberryField
from strawberry.types.info import Info

from resolvers.definition import Entity
from resolvers.policies import Policies, sight_of


class Guard(FieldExtension):
    """Refuses a field to viewers who lack what is required; plans know it, and decide once."""

    def __init__(self, entity: Entity, required: Policies) -> None:
        """`entity` is one of the graph whose rules count."""
        self.entity = entity
        self.required = required

    def resolve(self, next_: SyncExtensionResolver, source: Any, info: Info, **kwargs: Any) -> Any:
        """See FieldExtension."""
        self._refuse(info)
        return next_(source, info, **kwargs)

    async def resolve_async(self, next_: AsyncExtensionResolver, source: Any, info: Info, **kwargs: Any) -> Any:
        """See FieldExtension."""
        self._refuse(info)
        return await next_(source, info, **kwargs)

    def _refuse(self, info: Info) -> None:
        raw = info._raw_info
        sight_of(self.entity, raw.context.viewer).refuse(self.required, f"{raw.parent_type.name}.{raw.field_name}")


def guard_of(field: Any) -> Guard | None:
    """The field's guard, if it has one."""
    extensions = field.extensions if isinstance(field, StrawberryField) else ()
    return next((each for each in extensions if isinstance(each, Guard)), None)


def other_extensions(field: StrawberryField) -> list[FieldExtension]:
    """The field's extensions, without its guard."""
    return [each for each in field.extensions if not isinstance(each, Guard)]


def guard(field: StrawberryField, entity: Entity, required: Policies) -> None:
    """Refuse the field to viewers who lack what is required, before anything else is done."""
    if required:
        field.extensions = [*other_extensions(field), Guard(entity, required)]  # the last is asked first


def guard_columns(cls: type, entity: Entity) -> None:
    """Guard the fields of a type that tells of columns of the entity, each by its attribute."""
    for field in get_object_definition(cls, strict=True).fields:
        guard(field, entity, entity.columns[field.python_name].required)
