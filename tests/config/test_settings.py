"""Settings from a file and the environment, and how mistakes in them are named."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

import config
from config.errors import ConfigError
from config.problems import problem_text
from config.settings import Settings, load_settings

SAMPLE = Path(config.__file__).parent / "sample"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(text: str, path: str = "jiesu.toml") -> Path:
    file = Path(path)
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def mistake(text: str = "", environ: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        load_settings(write(text) if text else None, environ or {})
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is None
    return str(caught.value)


def test_nothing_given_is_the_defaults(folder: Path):
    settings = load_settings(None, {"HOME": "/"})
    assert settings.data_dir == Path("var")
    assert (settings.http.host, settings.http.port) == ("127.0.0.1", 8080)
    assert settings.database() == f"sqlite:///{folder}/var/jiesu.db"
    assert settings.vault_key_file == Path("var/vault.key")
    assert settings.wecom.api_base == "https://qyapi.weixin.qq.com"
    assert settings.organisation_file is None and settings.policy_file is None
    assert not settings.clock.rehearsal and not settings.console.enabled


def test_the_process_environment_is_not_read_behind_the_back(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DATA_DIR", "elsewhere")
    monkeypatch.setenv("JIESU_DATA_DIR", "elsewhere")
    assert load_settings(None, {}).data_dir == Path("var")
    assert load_settings(None, os.environ).data_dir == Path("elsewhere")


def test_the_environment_wins_over_the_file():
    write('[http]\nport = 9000\nhost = "localhost"\n')
    settings = load_settings(None, {"JIESU_HTTP__PORT": "9001"})
    assert (settings.http.host, settings.http.port) == ("localhost", 9001)


def test_paths_count_from_the_file_or_from_the_current_folder():
    file = write('data_dir = "data"\norganisation_file = "/srv/o.toml"\n', "office/settings.toml")
    settings = load_settings(file, {"JIESU_POLICY_FILE": "policy.toml"})
    assert settings.data_dir == Path("office/data")
    assert settings.organisation_file == Path("/srv/o.toml")
    assert settings.policy_file == Path("policy.toml")


def test_postgresql_stays_as_written_and_its_password_hidden():
    settings = load_settings(None, {"JIESU_DATABASE_URL": "postgresql://u:geheim@h/d", "JIESU_INTAKE__TOKEN": "geheim"})
    assert settings.database() == "postgresql://u:geheim@h/d"
    assert "geheim" not in repr(settings) and "geheim" not in str(settings)
    assert "geheim" not in settings.model_dump_json()


@pytest.mark.parametrize(
    ("written", "start"),
    [
        ("2026-06-01T08:00:00+08:00", datetime(2026, 6, 1, tzinfo=UTC)),
        ("2026-06-01T08:00", datetime(2026, 6, 1, tzinfo=UTC)),
        ("2026-06-01 00:00Z", datetime(2026, 6, 1, tzinfo=UTC)),
        ("2026-06-01", datetime(2026, 5, 31, 16, tzinfo=UTC)),
    ],
)
def test_a_rehearsal_clock_is_shanghai_time_where_it_names_no_zone(written: str, start: datetime):
    clock = load_settings(None, {"JIESU_CLOCK__START": written, "JIESU_CLOCK__SPEED": "0"}).clock
    assert (clock.start, clock.speed, clock.rehearsal) == (start, 0, True)
    assert clock.start.tzinfo is UTC


def test_a_rehearsal_clock_may_stand_in_the_file():
    write("[clock]\nstart = 2026-06-01T08:00:00\nspeed = 60\n")
    assert load_settings(None, {}).clock.start == datetime(2026, 6, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("JIESU_HTTP__PORT", "abc", "JIESU_HTTP__PORT：应为 1 到 65535 的整数，现为 “abc”"),
        ("JIESU_HTTP__PORT", "65536", "JIESU_HTTP__PORT：应为 1 到 65535 的整数，现为 “65536”"),
        ("JIESU_HTTP__PROT", "1", "JIESU_HTTP__PROT：没有这个设置，是否想写 JIESU_HTTP__PORT"),
        ("JIESU_DATADIR", "x", "JIESU_DATADIR：没有这个设置，是否想写 JIESU_DATA_DIR"),
        ("JIESU_CONSOLE__ENABLED", "maybe", "JIESU_CONSOLE__ENABLED：应为 true 或 false，现为 “maybe”"),
        ("JIESU_CLOCK__SPEED", "-1", "JIESU_CLOCK__SPEED：应为不小于 0 的数字，0 为停住，现为 “-1”"),
        ("JIESU_CLOCK__SPEED", "inf", "JIESU_CLOCK__SPEED：应为不小于 0 的数字，0 为停住，现为 “inf”"),
        ("JIESU_CLOCK__START", "20260631", "JIESU_CLOCK__START：应为 ISO 格式的时间，例如"),
        ("JIESU_DATABASE_URL", "mysql://u:geheim@h/d", "JIESU_DATABASE_URL：应为 sqlite:///路径 或 postgresql://"),
        ("JIESU_DATABASE_URL", "postgres://u:geheim@h/d", "JIESU_DATABASE_URL：请写 postgresql://"),
        ("JIESU_INTAKE__TOKEN", "", "JIESU_INTAKE__TOKEN：是空的，请填写或删去这个变量"),
        ("JIESU_WECOM__API_BASE", "http://wx.test", "JIESU_WECOM__API_BASE：明文 http:// 只能用于本机"),
        ("JIESU_WECOM__API_BASE", "https://u:geheim@wx.test", "JIESU_WECOM__API_BASE：地址里不能带用户名或密码"),
        ("JIESU_WECOM__FEATURES", "markdown_v3", "JIESU_WECOM__FEATURES：应为列表，可含"),
        ("JIESU_DINGTALK__MODE", "socket", "JIESU_DINGTALK__MODE：应为 stream 或 http"),
        ("JIESU_WECOM__API_BSE", "geheim", "JIESU_WECOM__API_BSE：没有这个设置，是否想写 JIESU_WECOM__API_BASE"),
        ("JIESU_FEISHU__API_BASE", "http://feishu.test", "JIESU_FEISHU__API_BASE：明文 http:// 只能用于本机"),
        ("JIESU_MAIL__PASSWORD", "geheim", "JIESU_MAIL__PASSWORD：尚未提供"),
        ("JIESU_HTTP__PUBLIC_URL", "jiesu.test", "JIESU_HTTP__PUBLIC_URL：应为浏览器能打开的地址"),
    ],
)
def test_a_wrong_variable_is_named_without_its_secrets(name: str, value: str, message: str):
    text = mistake(environ={name: value})
    assert text.startswith(message)
    assert "geheim" not in text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# one\n# two\n[http]\nprot = 1\n", "jiesu.toml 第 4 行 http.prot：没有这个设置，是否想写 http.port"),
        ('[http]\nport = "x"\n', "jiesu.toml 第 2 行 http.port：应为 1 到 65535 的整数，现为 “x”"),
        ("http = 8080\n", "jiesu.toml 第 1 行 http：应为一组设置，写在 [http] 表头下"),
        ("data_dir = 5\n", "jiesu.toml 第 1 行 data_dir：应为文件夹路径"),
        ('organisation_file = ""\n', "jiesu.toml 第 1 行 organisation_file：是空的，请填写或删去这一项"),
        ("[vault]\nkey = 123456\n", "jiesu.toml 第 2 行 vault.key：应为文字"),
        ('[mail]\nhost = "a"\n', "jiesu.toml 第 2 行 mail.host：尚未提供"),
        ("[http\n", "jiesu.toml 第 1 行："),
    ],
)
def test_a_wrong_line_of_the_file_is_named(text: str, message: str):
    found = mistake(text)
    assert found.startswith(message)
    assert "123456" not in found


def test_the_vault_has_one_key():
    text = mistake('[vault]\nkey_file = "k"\n', {"JIESU_VAULT__KEY": "geheim"})
    assert text == "JIESU_VAULT__KEY：与 vault.key_file 只能给一个，请删去其中之一"


AES_KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"BOT_ID": "b"}, "JIESU_WECOM__BOT_ID：还需要 JIESU_WECOM__SECRET，两项要一起给"),
        ({"SECRET": "geheim"}, "JIESU_WECOM__SECRET：还需要 JIESU_WECOM__BOT_ID，两项要一起给"),
        ({"TOKEN": "geheim"}, "JIESU_WECOM__TOKEN：还需要 JIESU_WECOM__ENCODING_AES_KEY，两项要一起给"),
        ({"ENCODING_AES_KEY": AES_KEY}, "JIESU_WECOM__ENCODING_AES_KEY：还需要 JIESU_WECOM__TOKEN，两项要一起给"),
        ({"TOKEN": "t", "ENCODING_AES_KEY": AES_KEY[:-1]}, "JIESU_WECOM__ENCODING_AES_KEY：应为 43 个字符的"),
        ({"TOKEN": "t", "ENCODING_AES_KEY": "密" + AES_KEY[1:]}, "JIESU_WECOM__ENCODING_AES_KEY：应为 43 个字符的"),
        (
            {"BOT_ID": "b", "SECRET": "geheim", "TOKEN": "t", "ENCODING_AES_KEY": AES_KEY},
            "JIESU_WECOM__BOT_ID：与 JIESU_WECOM__TOKEN 只能给一种",
        ),
    ],
)
def test_a_wecom_bot_is_configured_whole_and_in_one_way(environ: dict[str, str], message: str):
    text = mistake(environ={f"JIESU_WECOM__{name}": value for name, value in environ.items()})
    assert text.startswith(message)
    assert "geheim" not in text and AES_KEY[:-1] not in text


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"APP_ID": "cli"}, "JIESU_FEISHU__APP_ID：还需要 JIESU_FEISHU__APP_SECRET，两项要一起给"),
        ({"APP_SECRET": "geheim"}, "JIESU_FEISHU__APP_SECRET：还需要 JIESU_FEISHU__APP_ID，两项要一起给"),
        (
            {"APP_ID": "cli", "APP_SECRET": "geheim", "MODE": "http", "VERIFICATION_TOKEN": "geheim"},
            "JIESU_FEISHU__MODE：http 方式还需要 JIESU_FEISHU__ENCRYPT_KEY",
        ),
        (
            {"APP_ID": "cli", "APP_SECRET": "geheim", "MODE": "http", "ENCRYPT_KEY": "geheim"},
            "JIESU_FEISHU__MODE：http 方式还需要 JIESU_FEISHU__VERIFICATION_TOKEN",
        ),
        ({"PER_SECOND": "6"}, "JIESU_FEISHU__PER_SECOND：应为 1 到 5 的整数"),
    ],
)
def test_a_feishu_app_is_configured_whole(environ: dict[str, str], message: str):
    text = mistake(environ={f"JIESU_FEISHU__{name}": value for name, value in environ.items()})
    assert text.startswith(message)
    assert "geheim" not in text


def test_the_console_is_for_this_machine():
    text = mistake(environ={"JIESU_CONSOLE__ENABLED": "true", "JIESU_HTTP__HOST": "0.0.0.0"})
    assert text == "JIESU_CONSOLE__ENABLED：控制台只能在本机地址上开启，请把 JIESU_HTTP__HOST 改为 127.0.0.1"


@pytest.mark.parametrize(
    "name", ["WECOM__BOT_ID", "WECOM__TOKEN", "DINGTALK__CLIENT_ID", "FEISHU__APP_ID", "MATRIX__HOMESERVER"]
)
def test_the_console_never_stands_beside_a_platform_that_takes_commands(name):
    environ = {"JIESU_CONSOLE__ENABLED": "true", f"JIESU_{name}": "https://chat.test"}
    assert mistake(environ=environ) == (
        f"JIESU_CONSOLE__ENABLED：控制台不能与收命令的平台同时开启（JIESU_{name}）："
        "正式值守请关掉控制台，演练请删去平台设置"
    )


def test_the_console_may_stand_beside_robots():
    assert load_settings(None, {"JIESU_CONSOLE__ENABLED": "true", "JIESU_WECOM__PER_MINUTE": "9"}).console.enabled


def test_a_named_file_must_exist():
    with pytest.raises(ConfigError, match="找不到设置文件"):
        load_settings(Path("missing.toml"), {})


def test_a_private_wecom_and_a_local_fake_are_allowed():
    for url in ("http://127.0.0.1:9/", "https://wx.gov.test"):
        assert load_settings(None, {"JIESU_WECOM__API_BASE": url}).wecom.api_base == url.rstrip("/")


def test_the_sample_is_valid_and_points_at_its_neighbours():
    settings = load_settings(SAMPLE / "jiesu.toml", {})
    assert settings.organisation_file == SAMPLE / "organisation.toml"
    assert settings.policy_file == SAMPLE / "policy.toml"
    assert settings.data_dir == SAMPLE / "var"


def test_code_can_build_settings_without_a_file():
    assert Settings(data_dir=Path("x")).data_dir == Path("x")


def test_a_rehearsal_does_not_reach_a_real_platform():
    bot = {"JIESU_FEISHU__APP_ID": "cli_1", "JIESU_FEISHU__APP_SECRET": "geheim", "JIESU_CLOCK__SPEED": "60"}
    assert mistake(environ=bot).startswith("JIESU_FEISHU__APP_ID：演练时钟不能连真实的平台")
    load_settings(None, bot | {"JIESU_FEISHU__API_BASE": "http://127.0.0.1:9000"})


ODD_VALUES: tuple[Any, ...] = (
    *("", "x", "1.5", "on", "9" * 5000, b"\xff", -1, 1.5, 10**9, float("nan"), float("inf"), True, None),
    *([], [""], [1], ["x"], {}, object()),
)


def test_whatever_may_be_wrong_with_a_setting_has_its_words():
    """Every kind of mistake that pydantic finds in odd values of any setting."""
    silent = {}
    for model in (Settings, *(type(value) for _, value in Settings() if isinstance(value, BaseModel))):
        for name, field in model.model_fields.items():
            for value in ODD_VALUES:
                try:
                    TypeAdapter(Annotated[field.annotation, field]).validate_python(value)
                except ValidationError as fault:
                    told = {error["type"]: problem_text(error, model) for error in fault.errors()}
                    silent |= {kind: name for kind, text in told.items() if text == "写法不对"}
    assert silent == {}
