"""`jiesu db upgrade`: what it says is there, is there."""

from bot.cli.checking import upgrade_store, verify_store
from storage.database import writing_engine
from tests.bot.cli.house import House


def test_triggers_that_somebody_dropped_are_put_back(database_url, tmp_path, capsys):
    house = House(tmp_path / "a", database_url)
    engine = writing_engine(database_url)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DROP TRIGGER event_no_update{'' if 'sqlite' in database_url else ' ON event'}")
    engine.dispose()
    assert verify_store(house.context) == 1
    capsys.readouterr()

    upgrade_store(house.context)

    assert "保护触发器齐全" in capsys.readouterr().out
    assert verify_store(house.context) == 0
