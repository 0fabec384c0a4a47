"""What can be wrong with a store, in words for the person who can mend it."""


class StoreError(Exception):
    """The store cannot be used as it is. The message is one Chinese line: what is wrong, what to do."""


class StoreUnavailable(StoreError):
    """Nothing was stored this time (disk full, connection lost, locked too long); the same may succeed later."""
