"""Logs: readable at a terminal, JSON lines elsewhere; keys and personal data are redacted before a line is written."""

import json
import logging
import sys
from typing import TYPE_CHECKING

from loguru import logger

from handlers.privacy import redact_log

if TYPE_CHECKING:
    from loguru import Message, Record


def configure(level: str = "INFO") -> None:
    """Send every log line to standard error, the libraries' too. Tracebacks never show the values of variables."""
    logger.remove()
    logging.basicConfig(handlers=[_Libraries()], level=logging.WARNING, force=True)
    logging.captureWarnings(True)
    if sys.stderr.isatty():
        logger.add(_terminal, level=level, format=_format, colorize=True, backtrace=False, diagnose=False)
    else:
        logger.add(_pipe, level=level, format=_plain, backtrace=False, diagnose=False)


class _Libraries(logging.Handler):
    """What aiohttp, APScheduler and the others log: through the same redaction, in the same form.

    A request that is no HTTP is told without its bytes: they are whatever a stranger sent.
    """

    def emit(self, record: logging.LogRecord) -> None:
        if record.name == "aiohttp.server" and record.exc_info and "Error handling request" not in record.getMessage():
            logger.bind(library=record.name).warning("a request that is no HTTP was refused")
            return
        told = logger.bind(library=record.name).opt(depth=6, exception=record.exc_info)
        told.log(record.levelname if record.levelname in _LEVELS else "WARNING", "{}", record.getMessage())


_LEVELS = frozenset({"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"})


def _format(record: "Record") -> str:
    request = " <cyan>{extra[request]}</cyan>" if "request" in record["extra"] else ""
    return f"<green>{{time:HH:mm:ss}}</green> <level>{{level: <7}}</level>{request} {{message}}\n{{exception}}"


def _plain(record: "Record") -> str:
    return "{message}\n{exception}"


def _terminal(message: "Message") -> None:
    sys.stderr.write(redact_log(str(message)))


def _pipe(message: "Message") -> None:
    record = message.record
    line = {
        "time": record["time"].isoformat(timespec="milliseconds"),
        "level": record["level"].name,
        "where": f"{record['name']}:{record['line']}",
        "message": redact_log(str(message).rstrip("\n")),
        **{name: redact_log(str(value)) for name, value in record["extra"].items()},
    }
    sys.stderr.write(json.dumps(line, ensure_ascii=False) + "\n")
    sys.stderr.flush()
