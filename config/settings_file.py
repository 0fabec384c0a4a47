"""Puts the settings file and the environment together, and names every mistake as the user wrote it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar, get_args
from urllib.parse import parse_qsl, urlsplit

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from config.addresses import is_loopback
from config.document import Document, Loc, read_document
from config.errors import ConfigError
from config.problems import did_you_mean

DEFAULT_FILE: Final = Path("jiesu.toml")
PREFIX: Final = "JIESU_"

# Promised by the interface and not built: refused by name, so that nobody believes that it works.
_NOT_YET: Final[dict[str, frozenset[str] | None]] = {
    "mail": None,
}
_NOT_YET_TEXT: Final = "尚未提供，请删去这一项"
_PAIRS: Final = (
    ("wecom", "bot_id", "secret"),
    ("wecom", "token", "encoding_aes_key"),
    ("feishu", "app_id", "app_secret"),
)
"""Settings that mean nothing without each other."""
_EITHER: Final = ((("wecom", "bot_id"), ("wecom", "token")),)
"""Settings of which one rules the other out: a bot hears by WebSocket or by callback."""
_WITH_HTTP: Final = (("feishu", "app_id", ("encrypt_key", "verification_token")),)
"""What a bot must have in `mode = http`: without it nothing proves that a callback is the platform's."""
_ADDRESSES: Final = frozenset({("database_url",)})
"""Settings that are kept like a secret because a password may stand in them."""
_SHOWN: Final = (bool, int, float)
"""Only values of these kinds are repeated in a message: any text may be a secret in the wrong place."""

AnySettings = TypeVar("AnySettings", bound=BaseSettings)


def read_settings(model: type[AnySettings], config_file: Path | None, environ: Mapping[str, str]) -> AnySettings:
    """See `config.settings.load_settings`."""
    return _Reader(model, config_file, environ).read(model)


def secrets_given(model: type[BaseModel], table: Mapping[str, Any]) -> Iterator[str]:
    """The names of the settings that hold a secret in a table as a settings file gives it.

    Every SecretStr of the model is one, so that none of a new platform can be forgotten. An address is one only where
    it holds a password: most databases' do not.
    """
    for loc, field in _leaves(model, ()):
        value: Any = table
        for key in loc:
            value = value.get(key) if isinstance(value, Mapping) else None
        if not isinstance(value, str):
            continue
        if (_is_secret(field.annotation) and loc not in _ADDRESSES) or ("://" in value and _password_inside(value)):
            yield ".".join(map(str, loc))


def _password_inside(address: str) -> bool:
    """Whether one stands in an address, before the host or behind it (`?password=`); if it cannot be read, it may."""
    try:
        parts = urlsplit(address)
        return bool(parts.password) or any("password" in key for key, _ in parse_qsl(parts.query))
    except ValueError:
        return True


def _is_secret(annotation: Any) -> bool:
    return annotation is SecretStr or any(map(_is_secret, get_args(annotation)))


class _Reader:
    def __init__(self, model: type[BaseSettings], config_file: Path | None, environ: Mapping[str, str]) -> None:
        self.leaves = dict(_leaves(model, ()))
        self.tables = {loc[:-1] for loc in self.leaves if len(loc) > 1}
        self.document: Document | None = None
        if config_file is not None or DEFAULT_FILE.is_file():
            self.document = read_document(config_file or DEFAULT_FILE, "设置文件")
        self.environ = environ
        self.variables: dict[Loc, str] = {}
        self.values: dict[str, Any] = {}

    def read(self, model: type[AnySettings]) -> AnySettings:
        if self.document:
            self._take_file(self.document, self.document.data, ())
        self._take_environ()
        try:
            settings = model(**self.values)
        except ValidationError as fault:
            first = fault.errors()[0]
            loc = tuple(first["loc"])[:2]
            raise self._error(loc, self._text(loc, dict(first))) from None  # the original repeats values
        self._check_together(settings)
        return settings

    def _take_file(self, document: Document, table: Mapping[str, Any], outer: Loc) -> None:
        for key, value in table.items():
            loc = (*outer, key)
            if loc in self.leaves:
                if value == "":
                    raise document.error(loc, "是空的，请填写或删去这一项")
                if _holds(self.leaves[loc].annotation, Path) and isinstance(value, str):
                    value = document.folder / value
                self._put(loc, value)
            elif _not_yet(loc):
                inner = (*loc, next(iter(value))) if len(loc) == 1 and isinstance(value, dict) and value else loc
                raise document.error(inner, _NOT_YET_TEXT)
            elif loc in self.tables:
                if not isinstance(value, dict):
                    raise document.error(loc, f"应为一组设置，写在 [{key}] 表头下")
                self._take_file(document, value, loc)
            else:
                known = [".".join(map(str, leaf)) for leaf in self.leaves]
                written = ".".join(map(str, loc))
                raise document.error(loc, f"没有这个设置，{did_you_mean(written, known)}")

    def _take_environ(self) -> None:
        for name in sorted(self.environ):
            if not name.startswith(PREFIX):
                continue
            loc = tuple(name.removeprefix(PREFIX).lower().split("__"))
            if loc not in self.leaves:
                if _not_yet(loc):
                    raise ConfigError(f"{name}：{_NOT_YET_TEXT}")
                raise ConfigError(f"{name}：没有这个设置，{did_you_mean(name, map(_variable, self.leaves))}")
            if not self.environ[name]:
                raise ConfigError(f"{name}：是空的，请填写或删去这个变量")
            self.variables[loc] = name
            self._put(loc, self.environ[name])

    def _put(self, loc: Loc, value: Any) -> None:
        table = self.values
        for key in loc[:-1]:
            table = table.setdefault(str(key), {})
        table[str(loc[-1])] = value

    def _text(self, loc: Loc, error: dict[str, Any]) -> str:
        if error["type"] == "value_error":
            return str(error["ctx"]["error"])
        field = self.leaves[loc]
        expected = field.description or ""
        text = f"应为{_gap(expected)}{expected}"
        if any(_holds(field.annotation, kind) for kind in _SHOWN) and isinstance(error["input"], (str, *_SHOWN)):
            return f"{text}，现为 “{error['input']}”"
        return text

    def _error(self, loc: Loc, text: str) -> ConfigError:
        if loc in self.variables or self.document is None:
            return ConfigError(f"{self._written(loc)}：{text}")
        return self.document.error(loc, text)

    def _written(self, loc: Loc) -> str:
        """The name by which the user knows a setting: a variable's, or the key in the file."""
        if loc not in self.variables and self.document and loc in self.document.lines:
            return ".".join(map(str, loc))
        return _variable(loc)

    def _check_together(self, settings: BaseSettings) -> None:
        values = settings.model_dump()
        if values["vault"]["key"] and values["vault"]["key_file"]:
            other = self._written(("vault", "key_file"))
            raise self._error(("vault", "key"), f"与 {other} 只能给一个，请删去其中之一")
        host = values["http"]["host"]
        if values["console"]["enabled"] and not is_loopback(host):
            written = self._written(("http", "host"))
            raise self._error(("console", "enabled"), f"控制台只能在本机地址上开启，请把 {written} 改为 127.0.0.1")
        bot = next((loc for loc in _BOTS if values[str(loc[0])][loc[1]] is not None), None)
        if values["console"]["enabled"] and bot is not None:
            text = f"控制台不能与收命令的平台同时开启（{self._written(bot)}）：正式值守请关掉控制台，演练请删去平台设置"
            raise self._error(("console", "enabled"), text)
        if bot is not None and (values["clock"]["start"] or values["clock"]["speed"] is not None):
            base = values[str(bot[0])][_BASES[bot]]
            if not is_loopback(urlsplit(str(base)).hostname or ""):
                text = "演练时钟不能连真实的平台：平台按真实时间限次数，群里的人也会当真；演练请删去这一项"
                raise self._error(bot, text)
        for table, one, two in _PAIRS:
            for given, missing in ((one, two), (two, one)):
                if values[table][given] and not values[table][missing]:
                    raise self._error((table, given), f"还需要 {_variable((table, missing))}，两项要一起给")
        for (table, one), (_, other) in _EITHER:
            if values[table][one] and values[table][other]:
                raise self._error((table, one), f"与 {self._written((table, other))} 只能给一种，请删去其中之一")
        for table, bot_id, keys in _WITH_HTTP:
            if values[table][bot_id] and values[table]["mode"] == "http":
                for key in keys:
                    if not values[table][key]:
                        raise self._error(
                            (table, "mode"), f"http 方式还需要 {_variable((table, key))}，请从平台后台复制"
                        )


_BOTS: tuple[Loc, ...] = (
    ("wecom", "bot_id"),
    ("wecom", "token"),
    ("dingtalk", "client_id"),
    ("feishu", "app_id"),
    ("matrix", "homeserver"),
)
"""What makes a platform receive commands. The console has no sign-in: beside them it would be a back door."""

_BASES: dict[Loc, str] = {
    ("wecom", "bot_id"): "ws_url",
    ("wecom", "token"): "api_base",
    ("dingtalk", "client_id"): "api_base",
    ("feishu", "app_id"): "api_base",
    ("matrix", "homeserver"): "homeserver",
}
"""Where each of them is reached: on this machine it can only be somebody's test."""


def _leaves(model: type[BaseModel], outer: Loc) -> Iterator[tuple[Loc, FieldInfo]]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _leaves(kind, (*outer, name))
        else:
            yield (*outer, name), field


def _holds(annotation: Any, kind: type) -> bool:
    if annotation is kind:
        return True
    return annotation is not SecretStr and any(_holds(inner, kind) for inner in get_args(annotation))


def _variable(loc: Loc) -> str:
    return PREFIX + "__".join(str(part).upper() for part in loc)


def _not_yet(loc: Loc) -> bool:
    first = str(loc[0])
    if first not in _NOT_YET:
        return False
    keys = _NOT_YET[first]
    return keys is None or (len(loc) > 1 and loc[1] in keys)


def _gap(text: str) -> str:
    return " " if text[:1].isascii() else ""
