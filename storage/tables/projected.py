"""What every view of the journal is built on."""

from typing import Any, ClassVar

from sqlmodel import Field, SQLModel


class Projected(SQLModel):
    """A row that is a view of the journal. `KEY` names its primary key, `order_id` (or `id`) its order."""

    KEY: ClassVar[tuple[str, ...]]
    NAME: ClassVar[str]

    def __setattr__(self, name: str, value: Any) -> None:
        """Set a column; nothing is validated, as nothing is when a row is loaded.

        What SQLModel does instead, for its table classes, costs ten times as much.
        """
        if name not in self.__dict__:
            raise AttributeError(f"{type(self).__name__} has no column {name}")
        self.__dict__[name] = value


class OrderRow(Projected):
    """A projected row that belongs to one order."""

    order_id: int = Field(primary_key=True)


class Numbered(OrderRow):
    """A row made by one event of its order: `n` is that event's number within the order."""

    n: int = Field(primary_key=True)
