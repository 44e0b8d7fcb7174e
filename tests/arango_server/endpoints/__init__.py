"""The endpoints by what they are about. Importing this package fills the table of routes."""

from ..endpoints import (
    admin,
    analyzers,
    collections,
    cursors,
    databases,
    documents,
    graphs,
    importing,
    indexes,
    jobs,
    transactions,
    users,
    views,
)

__all__ = [
    "admin", "analyzers", "collections", "cursors", "databases", "documents", "graphs", "importing", "indexes", "jobs",
    "transactions", "users", "views",
]  # fmt: skip
