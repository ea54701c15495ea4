"""The Node interface of the Relay specification: any object, by its global id."""

import strawberry


@strawberry.interface(description="An object that `node(id:)` finds again.")
class Node:
    """https://relay.dev/graphql/objectidentification.htm"""

    id: strawberry.ID
