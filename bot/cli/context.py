"""What every command of `jiesu` starts from: the settings, the environment, a place to say things."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from bot.service import organisation_of
from config.organisation import Organisation, load_organisation
from config.settings import Settings, load_settings


@dataclass(frozen=True, slots=True)
class Context:
    """Settings as loaded, and the environment that secrets are read from."""

    settings: Settings
    environ: dict[str, str]

    @classmethod
    def load(cls, config_file: Path | None) -> "Context":
        """Raises ConfigError that names the key."""
        environ = dict(os.environ)
        return cls(load_settings(config_file, environ), environ)

    def organisation(self) -> Organisation:
        """The organisation, which a service must have; raises ConfigError."""
        return organisation_of(self.settings, self.environ)

    def organisation_if_any(self) -> Organisation:
        """The organisation, or an empty one for commands that only read or store."""
        path = self.settings.organisation_file
        return Organisation() if path is None else load_organisation(path, self.environ)


def say(text: str) -> None:
    """One line for people, beside the output proper."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201


def out(text: str) -> None:
    """Output proper."""
    print(text, flush=True)  # noqa: T201
