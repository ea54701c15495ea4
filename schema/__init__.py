"""The data graph of the demo: a parts distributor, whose data lives in three systems."""

from resolvers import query_type
from schema.crm import Contact, Customer, Opportunity
from schema.erp import Employee, Invoice, Order, OrderLine, Product
from schema.examples import EXAMPLES
from schema.scm import Shipment, StockLevel, Supplier, Warehouse

__all__ = ["EXAMPLES", "Query"]

Query = query_type(
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
