"""The data graph of the demo: a parts distributor, whose data lives in three systems."""

from resolvers import mutation_type, query_type, subscription_type
from schema.crm import Contact, Customer, Opportunity
from schema.erp import Employee, Invoice, Order, OrderLine, Product
from schema.examples import EXAMPLES
from schema.scm import Shipment, StockLevel, Supplier, Warehouse

__all__ = [
    "ENTITIES",
    "EXAMPLES",
    "Contact",
    "Customer",
    "Employee",
    "Invoice",
    "Mutation",
    "Opportunity",
    "Order",
    "OrderLine",
    "Product",
    "Query",
    "Shipment",
    "StockLevel",
    "Subscription",
    "Supplier",
    "Warehouse",
]

ENTITIES = (
    Customer,
    Contact,
    Opportunity,
    Employee,
    Product,
    Order,
    OrderLine,
    Invoice,
    Supplier,
    Warehouse,
    StockLevel,
    Shipment,
)

Query = query_type(*ENTITIES)
Mutation = mutation_type(*ENTITIES)
Subscription = subscription_type(*ENTITIES)
