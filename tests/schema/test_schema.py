"""The demo's graph: every entity and relation is there, everything has a description, the examples are valid."""

import pytest
from graphql import (
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLSchema,
    is_introspection_type,
    is_specified_scalar_type,
    parse,
    validate,
)

from gateway.graph import make_graph
from resolvers.query import entities_of
from schema import EXAMPLES, Mutation, Query, Subscription

GRAPH: GraphQLSchema = make_graph(Query, mutation=Mutation, subscription=Subscription).schema._schema

RELATIONS = {
    "Customer": {
        "accountManager": "Employee",
        "contacts": "ContactConnection",
        "opportunities": "OpportunityConnection",
        "orders": "OrderConnection",
    },
    "Contact": {"customer": "Customer"},
    "Opportunity": {"customer": "Customer"},
    "Employee": {
        "manager": "Employee",
        "reports": "EmployeeConnection",
        "customers": "CustomerConnection",
    },
    "Product": {
        "supplier": "Supplier",
        "orderLines": "OrderLineConnection",
        "stockLevels": "StockLevelConnection",
    },
    "Order": {
        "customer": "Customer",
        "lines": "OrderLineConnection",
        "invoice": "Invoice",
        "shipments": "ShipmentConnection",
    },
    "OrderLine": {"order": "Order", "product": "Product"},
    "Invoice": {"order": "Order"},
    "Supplier": {"products": "ProductConnection"},
    "Warehouse": {"stockLevels": "StockLevelConnection"},
    "StockLevel": {"product": "Product", "warehouse": "Warehouse"},
    "Shipment": {"order": "Order"},
}

COLUMNS = {
    "Customer": "id publicId name email phone country city segment creditLimit preferences createdAt accountManagerId",
    "Contact": "id name email phone role createdAt customerId",
    "Opportunity": "id title stage amount expectedClose createdAt customerId",
    "Employee": "id name email title hiredOn managerId",
    "Product": "id sku name category unitPrice weightKg discontinued attributes createdAt supplierId unitsSold",
    "Order": "id number status placedAt currency total updatedAt version customerId displayTotal",
    "OrderLine": "id position quantity unitPrice discount orderId productId amount",
    "Invoice": "id number issuedOn dueOn paidAt amount ledgerEntry orderId",
    "Supplier": "id name country email leadTimeDays rating",
    "Warehouse": "id code name country city",
    "StockLevel": "id quantity reorderPoint updatedAt productId warehouseId",
    "Shipment": "id carrier status shippedAt tracking orderId",
}

SOURCES = {
    "crm": ["Customer", "Contact", "Opportunity"],
    "erp": ["Employee", "Product", "Order", "OrderLine", "Invoice"],
    "scm": ["Supplier", "Warehouse", "StockLevel", "Shipment"],
}


def fields(name: str) -> dict[str, str]:
    """A type's fields and their types, in GraphQL's notation."""
    found = GRAPH.type_map[name]
    assert isinstance(found, GraphQLObjectType | GraphQLInputObjectType)
    return {field: str(value.type) for field, value in found.fields.items()}


def test_every_entity_comes_from_its_system() -> None:
    found: dict[str, list[str]] = {}
    for entity in entities_of(Query):
        found.setdefault(entity.source, []).append(entity.name)
    assert found == SOURCES


@pytest.mark.parametrize("name", RELATIONS)
def test_relations_and_columns(name: str) -> None:
    found = fields(name)
    figures = {field for field in found if field.endswith("Aggregate")}
    relations = {field: kind for field, kind in found.items() if field in RELATIONS[name]}
    assert relations == RELATIONS[name]
    assert set(found) - figures - set(relations) == set(COLUMNS[name].split())


def test_the_ways_in() -> None:
    names = {
        "customer": "customers",
        "contact": "contacts",
        "opportunity": "opportunities",
        "employee": "employees",
        "product": "products",
        "order": "orders",
        "orderLine": "orderLines",
        "invoice": "invoices",
        "supplier": "suppliers",
        "warehouse": "warehouses",
        "stockLevel": "stockLevels",
        "shipment": "shipments",
    }
    rest = ("suppliers", "warehouses", "stockLevels", "shipments")
    figures = {f"{plural}Aggregate" for plural in names.values() if plural not in rest}
    natural = {"orderByNumber", "productBySku", "invoiceByNumber"}
    assert set(fields("Query")) == {"node", "nodes", "viewer", "sync", *names, *names.values(), *figures, *natural}
    certain = [field for field, kind in fields("Query").items() if kind.endswith("!")]
    assert certain == ["viewer"]


def test_what_can_be_followed() -> None:
    watched = ("customer", "contact", "opportunity", "product", "order", "orderLine", "invoice")
    assert set(fields("Subscription")) == {"changes", *(f"{name}Changed" for name in watched)}
    assert fields("OrderChange") == {
        "kind": "ChangeKind!",
        "cursor": "String!",
        "changedFields": "[String!]!",
        "key": "ID!",
        "node": "Order",
    }


def test_what_can_be_written() -> None:
    every = {
        "Customer": "Customers",
        "Contact": "Contacts",
        "Opportunity": "Opportunities",
        "Product": "Products",
        "Order": "Orders",
        "Invoice": "Invoices",
    }
    kept = ("Product", "Invoice")
    expected = {f"{verb}{name}" for one, many in every.items() for name in (one, many) for verb in ("create", "update")}
    expected |= {f"delete{name}" for one, many in every.items() if one not in kept for name in (one, many)}
    expected |= {"upsertProductBySku", "upsertOrderByNumber", "upsertInvoiceByNumber"}
    assert set(fields("Mutation")) == expected
    assert fields("OrderInput") == {
        "number": "String!",
        "status": "OrderStatus",
        "placedAt": "DateTime",
        "currency": "String!",
        "total": "Decimal!",
        "customerId": "ID!",
        "lines": "OrderLinesCreations",
    }
    assert fields("OrderLinesCreate").keys() == {"position", "quantity", "unitPrice", "discount", "productId"}


def test_scalars() -> None:
    customer, product, invoice = fields("Customer"), fields("Product"), fields("Invoice")
    assert (customer["publicId"], customer["creditLimit"], customer["preferences"]) == ("UUID!", "Decimal", "JSON")
    assert (customer["createdAt"], customer["segment"]) == ("DateTime!", "Segment!")
    assert (product["weightKg"], product["discontinued"]) == ("Float", "Boolean!")
    assert (invoice["ledgerEntry"], invoice["issuedOn"]) == ("BigInt!", "Date!")


def test_types_and_root_fields_are_described() -> None:
    silent = [
        name
        for name, found in GRAPH.type_map.items()
        if not found.description and not is_introspection_type(found) and not is_specified_scalar_type(found)
    ]
    assert silent == []
    for root in (GRAPH.query_type, GRAPH.mutation_type):
        assert root is not None
        assert [name for name, field in root.fields.items() if not field.description] == []


def test_the_examples_are_telling() -> None:
    assert [title for title, _ in EXAMPLES] == [
        "Three systems one query",
        "Find orders",
        "Revenue by status",
        "Where is my order",
        "Best customers",
        "Write an order",
    ]


@pytest.mark.parametrize(("title", "document"), EXAMPLES, ids=[title for title, _ in EXAMPLES])
def test_examples_are_valid(title: str, document: str) -> None:
    assert validate(GRAPH, parse(document)) == []
    assert document.startswith("# "), f"{title} says nothing of itself"
