"""The commands: a function each, grouped by the stretch of an order's life they belong to."""
