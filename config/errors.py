"""The one error of settings, policy, organisation and calendar files."""


class ConfigError(Exception):
    """A file or setting is wrong. The message is one Chinese line: which key or line, what to do."""
