"""Settings of one service: a TOML file under environment variables `JIESU_…`; names: interface, Settings.

How they are found and how mistakes are named is in `config.settings_file`; here is what each means.
"""

from base64 import b64decode
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from config.addresses import checked_address
from config.entries import PLATFORMS
from config.settings_file import read_settings
from config.shanghai import SHANGHAI


def _moment(value: Any) -> Any:
    """An ISO time, taken as Asia/Shanghai where it names no zone, as aware UTC."""
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        raise ValueError("应为 ISO 格式的时间，例如 2026-06-01T08:00:00+08:00") from None
    if isinstance(at, date) and not isinstance(at, datetime):
        at = datetime.combine(at, time())
    if not isinstance(at, datetime):
        raise ValueError("应为 ISO 格式的时间，例如 2026-06-01T08:00:00+08:00")  # noqa: TRY004 - pydantic wants this one
    return (at if at.tzinfo else at.replace(tzinfo=SHANGHAI)).astimezone(UTC)


def _database(url: SecretStr) -> SecretStr:
    text = url.get_secret_value()
    if text.startswith("postgres://"):
        raise ValueError("请写 postgresql://，不是 postgres://")
    if not text.startswith(("sqlite:///", "postgresql://", "postgresql+psycopg://")):
        raise ValueError("应为 sqlite:///路径 或 postgresql://用户:密码@主机/库名")
    return url


def _page_address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("应为浏览器能打开的地址，例如 https://jiesu.example.cn")
    return url.rstrip("/")


def _aes_key(key: SecretStr) -> SecretStr:
    text = key.get_secret_value()
    try:
        size = len(b64decode(f"{text}=", validate=True))
    except ValueError:
        size = 0
    if len(text) != 43 or size != 32:
        raise ValueError("应为 43 个字符的 EncodingAESKey，请从机器人的回调设置里完整复制")
    return key


def _words(value: Any) -> Any:
    """A list as the file writes it, or words between commas as a variable holds them."""
    return [word.strip() for word in value.split(",") if word.strip()] if isinstance(value, str) else value


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Http(_Table):
    """Where the service listens, and the address under which browsers reach it (for links in messages)."""

    host: str = Field(default="127.0.0.1", min_length=1, description="主机名或 IP 地址")
    port: int = Field(default=8080, ge=1, le=65535, description="1 到 65535 的整数")
    public_url: Annotated[str, AfterValidator(_page_address)] | None = Field(default=None, description="网页地址")


class Intake(_Table):
    """How orders come in besides the command line: the token of `POST /api/orders`, a watched folder. Absent is off."""

    token: SecretStr | None = Field(default=None, description="文字")
    folder: Path | None = Field(default=None, description="文件夹路径")


class VaultSettings(_Table):
    """The office's key for personal data, itself or the file that holds it."""

    key: SecretStr | None = Field(default=None, description="文字")
    key_file: Path | None = Field(default=None, description="文件路径")


class Console(_Table):
    """The embedded work group in the browser."""

    enabled: bool = Field(default=False, description="true 或 false")


class ClockSettings(_Table):
    """A rehearsal's clock: where it starts (aware UTC) and how many times faster it runs; 0 stands still."""

    start: Annotated[datetime | None, BeforeValidator(_moment)] = Field(default=None, description="ISO 格式的时间")
    speed: float | None = Field(default=None, ge=0, allow_inf_nan=False, description="不小于 0 的数字，0 为停住")

    @property
    def rehearsal(self) -> bool:
        """Whether this clock is not the real one; a rehearsal marks its store for ever."""
        return self.start is not None or self.speed is not None


def _secure(secure: str) -> AfterValidator:
    return AfterValidator(lambda url: checked_address(url, secure))


HttpsAddress = Annotated[str, _secure("https")]
Secret = Annotated[SecretStr, Field(min_length=1)]
Text = Annotated[str, Field(min_length=1)]
_ADDRESS = "https:// 开头的地址"


class WeCom(_Table):
    """WeCom 企业微信: where its interface is, how many messages a group robot may send in a minute, and the 智能机器人
    by WebSocket or by encrypted HTTP callback.

    The platform takes 20. ★ Two are left for its clock not being ours; an office whose robot also serves others
    leaves more.
    """

    api_base: HttpsAddress = Field(default="https://qyapi.weixin.qq.com", description=_ADDRESS)
    bot_id: Text | None = Field(default=None, description="文字")
    secret: Secret | None = Field(default=None, description="文字")
    ws_url: Annotated[str, _secure("wss")] = Field(
        default="wss://openws.work.weixin.qq.com", description="wss:// 开头的地址"
    )
    per_minute: int = Field(default=18, ge=1, le=20, description="1 到 20 的整数")
    token: Secret | None = Field(default=None, description="文字")
    encoding_aes_key: Annotated[SecretStr, AfterValidator(_aes_key)] | None = Field(
        default=None, description="43 个字符"
    )
    corp_id: str = Field(default="", description="文字")
    features: Annotated[frozenset[Literal["markdown_v2", "template_card"]], BeforeValidator(_words)] = Field(
        default=frozenset({"markdown_v2", "template_card"}), description='列表，可含 "markdown_v2"、"template_card"'
    )

    @property
    def receives(self) -> bool:
        """Whether commands come in here."""
        return self.bot_id is not None or self.token is not None

    @property
    def pushes(self) -> bool:
        """Whether the bot can begin a conversation: only on its WebSocket."""
        return self.bot_id is not None


class DingTalk(_Table):
    """DingTalk 钉钉: the app whose robot receives commands, in Stream mode or by HTTP callback, and how many messages a
    robot may send in a minute. The platform takes 20, then keeps a robot quiet for ten minutes. ★ Two are left."""

    client_id: Text | None = Field(default=None, description="文字")
    client_secret: Secret | None = Field(default=None, description="文字")
    mode: Literal["stream", "http"] = Field(default="stream", description="stream 或 http")
    api_base: HttpsAddress = Field(default="https://api.dingtalk.com", description=_ADDRESS)
    oapi_base: HttpsAddress = Field(default="https://oapi.dingtalk.com", description=_ADDRESS)
    per_minute: int = Field(default=18, ge=1, le=20, description="1 到 20 的整数")

    @property
    def receives(self) -> bool:
        """Whether commands come in here; half an app is refused where it is connected."""
        return self.client_id is not None or self.client_secret is not None

    pushes = receives


class Feishu(_Table):
    """Feishu 飞书: the app whose bot receives commands, by long connection or by HTTP callback; and how many messages
    a group robot may send.

    The platform takes 5 in a second and 100 in a minute. ★ One and ten are left for its clock not being ours. At whole
    and half hours it refuses more than usual: what is not urgent waits for `crowded` seconds (★; 0 is off).
    """

    app_id: Text | None = Field(default=None, description="文字")
    app_secret: Secret | None = Field(default=None, description="文字")
    mode: Literal["socket", "http"] = Field(default="socket", description="socket 或 http")
    encrypt_key: Secret | None = Field(default=None, description="文字")
    verification_token: Secret | None = Field(default=None, description="文字")
    api_base: HttpsAddress = Field(default="https://open.feishu.cn", description=_ADDRESS)
    per_second: int = Field(default=4, ge=1, le=5, description="1 到 5 的整数")
    per_minute: int = Field(default=90, ge=1, le=100, description="1 到 100 的整数")
    crowded: float = Field(default=30, ge=0, le=600, description="秒数，0 到 600")

    @property
    def receives(self) -> bool:
        """Whether commands come in here."""
        return self.app_id is not None

    pushes = receives


class Matrix(_Table):
    """Matrix: the home server, the bot's account there, and how many messages it may send to a room in a minute.

    A server as it comes takes ten at once and one in five seconds after that, from the whole account. ★ Ten a minute
    keep one room within that at any time; an office that lifts its server's limit for the bot lifts this too.
    """

    homeserver: HttpsAddress | None = Field(default=None, description=_ADDRESS)
    user_id: Text | None = Field(default=None, description="@用户:服务器")
    access_token: Secret | None = Field(default=None, description="文字")
    per_minute: int = Field(default=10, ge=1, le=600, description="1 到 600 的整数")

    @property
    def receives(self) -> bool:
        """Whether commands come in here; one of the three alone counts, so that what is missing is named."""
        return any(given is not None for given in (self.homeserver, self.user_id, self.access_token))

    pushes = receives


class Platforms(_Table):
    """Whether the service may start while a platform's bot is not connected, and how long it waits for that; and which
    hosts beside those of the platforms' addresses may lie in a private network: file stores, connections."""

    optional: bool = Field(default=False, description="true 或 false")
    patience: float = Field(default=15, gt=0, le=600, description="秒数，最多 600")
    private_hosts: Annotated[frozenset[Text], BeforeValidator(_words)] = Field(
        default=frozenset(), description='列表，平台另外用到的内网主机名，例如 "files.oa.example.cn"'
    )


class Callbacks(_Table):
    """What every HTTP callback must keep to."""

    window: float = Field(default=300, gt=0, le=3600, description="秒数，1 到 3600")

    @property
    def freshness(self) -> timedelta:
        """How far a signed moment may lie from now, either way."""
        return timedelta(seconds=self.window)


class Settings(BaseSettings):
    """Everything that differs between one installation and another. Immutable; secrets never show in its repr."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    data_dir: Path = Field(default=Path("var"), description="文件夹路径")
    database_url: Annotated[SecretStr, AfterValidator(_database)] | None = Field(default=None, description="数据库地址")
    policy_file: Path | None = Field(default=None, description="文件路径")
    organisation_file: Path | None = Field(default=None, description="文件路径")
    http: Http = Http()
    intake: Intake = Intake()
    vault: VaultSettings = VaultSettings()
    console: Console = Console()
    clock: ClockSettings = ClockSettings()
    platforms: Platforms = Platforms()
    callbacks: Callbacks = Callbacks()
    wecom: WeCom = WeCom()
    dingtalk: DingTalk = DingTalk()
    feishu: Feishu = Feishu()
    matrix: Matrix = Matrix()

    @property
    def bots(self) -> tuple[str, ...]:
        """The platforms on which commands come in."""
        return tuple(platform for platform in PLATFORMS if getattr(self, platform).receives)

    def database(self) -> str:
        """The SQLAlchemy url in force. It may hold a password: never log it."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{(self.data_dir.absolute() / 'jiesu.db').as_posix()}"

    @property
    def vault_key_file(self) -> Path:
        """Where the office's key lies when `vault.key` does not give it."""
        return self.vault.key_file or self.data_dir / "vault.key"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what it is given: the process's environment is an argument of `load_settings`, like everything."""
        return (init_settings,)


def load_settings(config_file: Path | None, environ: Mapping[str, str]) -> Settings:
    """The settings of a TOML file (`jiesu.toml` here, if there is one and none is named) under `JIESU_…` variables.

    The environment wins. Relative paths count from the file's folder when they stand in the file, and from the
    current folder when they come from the environment. Raises ConfigError: one Chinese line that names the key as
    the user wrote it, and never a secret value.
    """
    return read_settings(Settings, config_file, environ)
