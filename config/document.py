"""A TOML file that remembers on which line each of its values stands.

`tomllib` reads the values but gives no positions; a mistake that is named without its line costs the person who
edits the file an afternoon. The second reading here only follows the text that tomllib has already accepted.
"""

import re
import tomllib
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.errors import ConfigError, reason

Loc = tuple[str | int, ...]
"""Where a value stands: keys, and indices of arrays, from the top of the file."""


@dataclass(frozen=True)
class Document:
    """A file's values, and the line of every key, table and array element."""

    name: str
    folder: Path
    data: dict[str, Any]
    lines: dict[Loc, int]

    def line(self, loc: Sequence[str | int]) -> int | None:
        """The line (from 1) of a value, else of the nearest thing around it that has one."""
        here = tuple(loc)
        while here and here not in self.lines:
            here = here[:-1]
        return self.lines.get(here)

    def problem(self, loc: Sequence[str | int], text: str, *, key: str | None = None) -> str:
        """One Chinese line that names the file, the line and the key as it is written there, unless `key` is given."""
        line = self.line(loc)
        key = key_text(loc) if key is None else key
        where = f"{self.name} 第 {line} 行" if line else self.name
        return f"{where} {key}：{text}" if key else f"{where}：{text}"

    def error(self, loc: Sequence[str | int], text: str) -> ConfigError:
        """The same as an error to raise."""
        return ConfigError(self.problem(loc, text))


def read_document(path: Path, kind: str) -> Document:
    """Read a UTF-8 TOML file. `kind` is its Chinese name for messages, such as 组织文件.

    Raises ConfigError when it is absent, unreadable, not UTF-8 or not TOML.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except FileNotFoundError:
        raise ConfigError(f"找不到{kind} {path}，请检查路径，或用 jiesu init 生成一份") from None
    except OSError as fault:
        raise ConfigError(f"无法读取{kind} {path}：{reason(fault)}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{kind} {path} 不是 UTF-8 编码，请另存为 UTF-8") from None
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        raise ConfigError(_syntax(path.name, text, str(fault))) from None
    return Document(path.name, path.parent, data, _Positions(text).read())


def key_text(loc: Sequence[str | int]) -> str:
    """The key as it is written: inside `[[people]]` only `roles`, elsewhere with its table, `http.port`."""
    inner = loc[2:] if len(loc) > 2 and isinstance(loc[1], int) else loc
    # "[key]" is how pydantic says that a key itself is wrong.
    return ".".join(part for part in inner if isinstance(part, str) and part != "[key]")


# What tomllib says most often, in the words of the person who edits the file.
_SYNTAX = (
    ("Expected '='", '键后面要写等号和值，例如 name = "城管科"'),
    ("Invalid value", "等号后面的值写法不对，文字要加引号"),
    ("Cannot overwrite a value", "同一个键写了两次"),
    ("Cannot declare", "同一个表头写了两次"),
    ("Unclosed array", "方括号没有写完"),
    ("Unterminated string", "引号没有写完"),
    ("Illegal character", "有不能出现的字符，引号可能没有写完"),
    ("Invalid statement", "这一行看不懂，键名只能用字母、数字、_ 和 -"),
    ("Expected newline", "一行只能写一个键，多余的内容请删去或加 #"),
    ("Unescaped '\\'", "文字里的反斜杠要写两个，或改用单引号"),
)


def _syntax(name: str, text: str, fault: str) -> str:
    found = re.search(r"at line (\d+)", fault)
    line = int(found.group(1)) if found else text.count("\n") + 1
    hint = next((hint for start, hint in _SYNTAX if fault.startswith(start)), "不是合法的 TOML，请检查引号、等号和括号")
    return f"{name} 第 {line} 行：{hint}"


_BLANK = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_KEY = re.compile(r"[A-Za-z0-9_-]+|\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*'")
_TEXT = re.compile(
    r"\"\"\"(?:\\.|[^\\])*?\"\"\"\"{0,2}|'''.*?''''{0,2}|\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*'",
    re.DOTALL,
)
_BARE = re.compile(r"[^,\]}\n#]+")


class _Positions:
    """Follows a valid TOML text and notes the line at which each value begins."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.starts = [0, *(found.end() for found in re.finditer("\n", text))]
        self.lines: dict[Loc, int] = {}
        self.counts: dict[Loc, int] = {}

    def read(self) -> dict[Loc, int]:
        table: Loc = ()
        self._blank()
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._blank()
        return self.lines

    def _header(self) -> Loc:
        line, double = self._line(), self.text.startswith("[[", self.at)
        self.at += 2 if double else 1
        *outer, last = self._keys()
        self.at += 2 if double else 1
        loc: Loc = ()
        for key in outer:
            loc = self._element((*loc, key))
        loc = (*loc, last)
        self.lines.setdefault(loc, line)
        if double:
            self.counts[loc] = self.counts.get(loc, 0) + 1
            loc = self._element(loc)
        self.lines[loc] = line
        return loc

    def _element(self, loc: Loc) -> Loc:
        """Inside an array of tables, a name means its latest element."""
        return (*loc, self.counts[loc] - 1) if loc in self.counts else loc

    def _pair(self, table: Loc) -> None:
        line = self._line()
        loc = table
        for key in self._keys():
            loc = (*loc, key)
            self.lines.setdefault(loc, line)
        self.at += 1  # the equals sign
        self._value(loc)

    def _value(self, loc: Loc) -> None:
        self._blank()
        opening = self.text[self.at]
        if opening == "[":
            self._array(loc)
        elif opening == "{":
            self._inline(loc)
        else:
            self._match(_TEXT if opening in "\"'" else _BARE)

    def _array(self, loc: Loc) -> None:
        self.at += 1
        index = 0
        while not self._closed("]"):
            self.lines[(*loc, index)] = self._line()
            self._value((*loc, index))
            index += 1

    def _inline(self, loc: Loc) -> None:
        self.at += 1
        while not self._closed("}"):
            self._pair(loc)

    def _closed(self, bracket: str) -> bool:
        self._blank()
        if self.text[self.at] == ",":
            self.at += 1
            self._blank()
        if self.text[self.at] != bracket:
            return False
        self.at += 1
        return True

    def _keys(self) -> list[str]:
        keys = []
        while True:
            self._blank()
            raw = self._match(_KEY)
            keys.append(tomllib.loads(f"key = {raw}")["key"] if raw[0] in "\"'" else raw)
            self._blank()
            if self.text[self.at] != ".":
                return keys
            self.at += 1

    def _match(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.at)
        assert found is not None, "tomllib accepted what this cannot follow"
        self.at = found.end()
        return found.group()

    def _blank(self) -> None:
        self._match(_BLANK)

    def _line(self) -> int:
        return bisect_right(self.starts, self.at)
