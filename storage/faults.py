"""What a fault of the database means: somebody in the way, nothing to be stored now, or a mistake; in Chinese."""

from sqlalchemy.exc import DBAPIError, OperationalError


def in_the_way(fault: Exception | None) -> bool:
    """Whether another process or a lost connection was in the way, so that the same batch may well succeed now."""
    if not isinstance(fault, DBAPIError):
        return False
    return fault.connection_invalidated or _code(fault) in _CONFLICTS


def hopeless(fault: Exception) -> bool:
    """Whether nothing can be stored at all just now. SQLite has waited `BUSY_SECONDS` before it says busy."""
    if not isinstance(fault, DBAPIError) or fault.connection_invalidated:
        return False
    code = _code(fault)
    return code.startswith(_OUT_OF_ORDER) if code else isinstance(fault, OperationalError)


def unavailable(fault: Exception) -> str:
    return f"没有存下来：{told(fault)}。请稍后再试"


def told(fault: Exception) -> str:
    text = str(getattr(fault, "orig", fault)).lower()
    for sign, words in _REASONS:
        if sign in text:
            return words
    return "数据库没有应答"


def _code(fault: Exception | None) -> str:
    """What the database calls the fault: an SQLSTATE of PostgreSQL, a name such as SQLITE_FULL, or nothing."""
    cause = getattr(fault, "orig", None)
    return str(getattr(cause, "sqlstate", None) or getattr(cause, "sqlite_errorname", None) or "")


_CONFLICTS = frozenset({"40001", "40P01", "55P03"})
"""Serialization failure, deadlock, lock not available."""

_OUT_OF_ORDER = (
    *("08", "25006", "53", "57", "58"),
    *("SQLITE_BUSY", "SQLITE_CANTOPEN", "SQLITE_CORRUPT", "SQLITE_FULL", "SQLITE_IOERR", "SQLITE_LOCKED"),
    *("SQLITE_NOMEM", "SQLITE_NOTADB", "SQLITE_PERM", "SQLITE_PROTOCOL", "SQLITE_READONLY"),
)
"""How codes begin that speak of the database, not of what was to be written."""

BUSY = "数据库正被别的程序占用"

_REASONS = (
    ("disk is full", "磁盘已满"),
    ("no space left", "磁盘已满"),
    ("disk i/o error", "磁盘读写失败"),
    ("readonly", "数据库是只读的"),
    ("read-only", "数据库是只读的"),
    ("unable to open", "文件打不开"),
    ("not a database", "文件不是数据库或已损坏"),
    ("malformed", "数据库文件已损坏"),
    ("locked", BUSY),
    ("does not exist", "地址里的数据库或用户不存在"),
    ("permission denied", "没有权限"),
    ("password", "数据库用户或密码不对"),
    ("authentication", "数据库用户或密码不对"),
    ("connection", "连不上数据库"),
)
