"""The lookups of rows, with the arguments of the fields that ask for them."""

from dataclasses import replace
from typing import Any

from datasources.lookup import Lookup
from gateway.execution.plan import Bound, ConnectionPlan, RelationStep, keep
from gateway.execution.run import Run
from gateway.execution.shapes import Layout
from resolvers.connections import Page, read_page
from resolvers.context import PageSizes
from resolvers.fields import relation_template
from resolvers.policies import Sight, sight_of


def bind_relation(run: Run, step: RelationStep) -> Bound:
    """The lookup of a relation, kept unless variables are in its arguments. Raises BadUserInput and Unauthorized."""
    relation, shape = step.field.relation, step.shape
    sizes, sight = run.context.page_sizes, sight_of(shape.entity, run.context.viewer)
    bound = step.bound.get((sizes, sight, False))
    if bound is not None:
        return bound
    if step.page is None:
        lookup = replace(step.field.lookup_of(shape.columns, sizes, sight), wire=shape.wire)
        bound = Bound(relation_template(relation, lookup), Layout(shape.wire))
    else:
        page, lookup, layout = bind_page(step.page, step.arguments.bind(run.variables), sizes, sight)
        bound = Bound(relation_template(relation, lookup), layout, page)
    if not step.arguments.variables:
        keep(step.bound, (sizes, sight, False), bound)
    return bound


def bind_page(
    plan: ConnectionPlan, arguments: dict[str, Any], sizes: PageSizes, sight: Sight
) -> tuple[Page, Lookup, Layout]:
    """The page, its lookup with what may be written by the source, and the layout of its rows."""
    shape = plan.shape
    page = read_page(shape.entity, plan.full_selection, arguments, sizes, sight, skip=shape.skip)
    wire = shape.wire
    if page.selection.ends or page.selection.cursors:
        wire -= {term.column for term in page.lookup.order}  # cursors are made of native values
    return page, replace(page.lookup, wire=wire), Layout(wire, len(page.lookup.columns) - len(shape.columns))
