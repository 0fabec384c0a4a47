"""Types of keys."""

from typing import Any

import sqlalchemy as sa

BIG: Any = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""On SQLite an integer key is the row's own id, which spares an index."""
