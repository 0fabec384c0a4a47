"""`jiesu doctor`: each finding provoked, each with its mend."""

import os
from base64 import b64encode
from collections import namedtuple
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from bot import doctor
from bot.cli.main import app
from bot.doctor import Mark, machine, probing
from bot.platforms.contract import Probe
from config.calendar import WorkCalendar
from config.organisation import Group, Organisation, Robot
from config.settings import Settings, load_settings
from storage.columns import table
from storage.outbox import Status
from storage.tables import Attachment, AttachmentFile, Event, Outbox
from tests.bot.cli.house import OTHER_KEY, House, fill, later
from tests.conftest import OpenStore
from tests.handlers.sample_files import png
from tests.platforms.feishu_server import FakeFeishu
from tests.platforms.wecom_server import in_thread
from tests.storage.desk import register

NOW = datetime(2026, 6, 1, tzinfo=UTC)
KEY43 = b64encode(bytes(range(32))).decode()[:43]
HOOK = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=11111111-2222-3333-4444-555555555555"
ORGANISATION = """
[[departments]]
id = "chengguan"
name = "城管科"
head = "wang"
[[people]]
id = "zhang"
name = "张三"
roles = ["duty", "reviewer", "office"]
[[people]]
id = "wang"
name = "王五"
roles = ["department"]
department = "chengguan"
[[groups]]
id = "dispatch"
name = "派单群"
purpose = "dispatch"
robots = [ { platform = "wecom", webhook_env = "HOOK" } ]
"""


class Patient(House):
    """A machine to examine; what differs from a healthy one is the test's."""

    def __init__(self, folder: Path, url: str, organisation: str = ORGANISATION, **settings: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.organisation_file = folder / "organisation.toml"
        self.organisation_file.write_text(organisation, encoding="utf-8")
        self.organisation_file.chmod(0o600)
        always = {"JIESU_ORGANISATION_FILE": str(self.organisation_file), "HOOK": HOOK}
        super().__init__(folder, url, **always, JIESU_CLOCK__SPEED="0", **settings)

    def lines(self, mark: Mark | None = None, *, now: datetime | None = None, probe: bool = False) -> list[str]:
        """What is found."""
        found = doctor.examine(None, self.environ, now=now or later(), probe=probe)
        return [str(finding) for finding in found if mark in (None, finding.mark)]

    def only(self, mark: Mark, what: str, **how: object) -> str:
        """The one finding of this mark about this thing."""
        found = [line for line in self.lines(mark, **how) if line[2:].startswith(f"{what}：")]  # type: ignore[arg-type]
        assert len(found) == 1, found
        assert "。处理：" in found[0]
        assert "\n" not in found[0]
        return found[0]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings file of the working folder is read."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def patient(database_url: str, tmp_path: Path) -> Patient:
    """A healthy machine with an empty store."""
    return _private(Patient(tmp_path / "a", database_url))


def _private(patient: Patient) -> Patient:
    if patient.url.startswith("sqlite"):
        Path(patient.url.removeprefix("sqlite:///")).chmod(0o600)
    return patient


def test_a_healthy_office_has_nothing_but_ticks(patient):
    assert patient.lines(Mark.BAD) == []
    assert [line for line in patient.lines(Mark.WARNING) if "日历" not in line] == []
    told = "\n".join(patient.lines(Mark.GOOD))
    for what in (
        "设置",
        "规则",
        "组织",
        "时钟",
        "数据库",
        "保护触发器",
        "事件链",
        "服务",
        "平台",
        "人员",
        "磁盘",
        "文件权限",
    ):
        assert f"✔ {what}：" in told


def test_looking_changes_nothing(tmp_path):
    patient = Patient(tmp_path / "a", f"sqlite:///{tmp_path / 'a' / 'none.db'}", key=None)
    patient.key_file.unlink(missing_ok=True)
    before = sorted(path.name for path in patient.folder.iterdir())
    assert "还没有" in patient.only(Mark.WARNING, "数据库")
    assert sorted(path.name for path in patient.folder.iterdir()) == before


def test_an_office_at_work_is_well(patient, open_store):
    fill(patient.url, open_store)
    patient.announce()
    assert patient.lines(Mark.BAD) == []
    assert any("正在运行（host-a）" in line for line in patient.lines())


def test_a_wrong_setting_is_the_only_line(patient):
    patient.environ["JIESU_HTTP__PORT"] = "many"
    assert len(patient.lines()) == 1
    assert "JIESU_HTTP__PORT" in patient.only(Mark.BAD, "设置")


def test_a_wrong_policy_and_a_wrong_organisation_are_named(patient, tmp_path):
    (tmp_path / "policy.toml").write_text("nonsense = 1")
    patient.environ["JIESU_POLICY_FILE"] = str(tmp_path / "policy.toml")
    patient.organisation_file.write_text("[[people]]\nid = 1\n")
    assert "policy.toml" in patient.only(Mark.BAD, "规则")
    assert "organisation.toml 第 1 行" in patient.only(Mark.BAD, "组织")


def test_no_organisation_file(patient):
    del patient.environ["JIESU_ORGANISATION_FILE"]
    assert "服务不会启动" in patient.only(Mark.BAD, "组织")


# ------------------------------------------------------------------------------------------------------------ the clock


def test_a_clock_before_the_files(patient):
    assert "校准系统时间" in patient.only(Mark.BAD, "时钟", now=later(days=-3))


def test_a_clock_before_the_newest_event(empty_url, tmp_path, open_store):
    patient = Patient(tmp_path / "a", empty_url)
    del patient.environ["JIESU_CLOCK__SPEED"]
    store = open_store(empty_url, rehearsal=False)
    register(store)
    before = datetime(2026, 5, 31, tzinfo=UTC)
    for path in (*patient.folder.iterdir(), *tmp_path.glob("*.db*"), patient.folder):
        os.utime(path, (before.timestamp(), before.timestamp()))
    found = [line for line in patient.lines(Mark.BAD, now=NOW - timedelta(hours=1)) if "事件却记于" in line]
    assert len(found) == 1


def test_a_rehearsal_store_in_a_real_run(patient):
    del patient.environ["JIESU_CLOCK__SPEED"]
    assert "服务不会启动" in patient.only(Mark.BAD, "数据库")


# ------------------------------------------------------------------------------------------------------------ the store


def test_a_wrong_and_a_missing_key(patient, database_url, tmp_path):
    assert "密钥不对" in Patient(tmp_path / "b", database_url, key=OTHER_KEY).only(Mark.BAD, "数据库")
    patient.key_file.unlink()
    assert "找不到办公室密钥" in patient.only(Mark.BAD, "数据库")
    assert not patient.key_file.exists()


def test_a_file_that_is_no_database(tmp_path):
    patient = Patient(tmp_path / "a", f"sqlite:///{tmp_path / 'a' / 'jiesu.db'}")
    (patient.folder / "jiesu.db").write_bytes(b"nonsense" * 1000)
    assert "不是数据库" in patient.only(Mark.BAD, "数据库")


def test_missing_triggers(patient, open_store):
    with open_store(patient.url)._write.begin() as connection:
        on = " ON event" if connection.dialect.name == "postgresql" else ""
        connection.exec_driver_sql(f"DROP TRIGGER event_no_delete{on}")
    assert "event_no_delete" in patient.only(Mark.BAD, "保护触发器")


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ("UPDATE event SET body = body || ' ' WHERE seq = 3", "事件 3 与前后接不上"),
        ("UPDATE event SET previous = 'x' WHERE seq = 4", "事件 4 与前后接不上"),
        ("DELETE FROM event WHERE seq = 2", "事件 3 与前后接不上"),
        ("DELETE FROM event WHERE seq = 5", "账头与最后一条事件不符"),
        ("DELETE FROM event", "账头与最后一条事件不符"),
        ("DELETE FROM journal_head", "账头与最后一条事件不符"),
    ],
)
def test_a_damaged_end_of_the_chain(patient, open_store, damage, told):
    store = open_store(patient.url)
    register(store, 5)
    with store._write.begin() as connection:
        on = " ON event" if connection.dialect.name == "postgresql" else ""
        for name in ("event_no_update", "event_no_delete"):
            connection.exec_driver_sql(f"DROP TRIGGER {name}{on}")
        connection.exec_driver_sql(damage)
    assert told in patient.only(Mark.BAD, "事件链")


def test_a_log_that_does_not_get_shorter(sqlite_url, tmp_path, monkeypatch, open_store):
    patient = Patient(tmp_path / "a", sqlite_url)
    register(open_store(sqlite_url))
    monkeypatch.setattr("bot.doctor.store.LARGE_WAL", 1)
    assert "待并入的日志" in patient.only(Mark.WARNING, "数据库大小")


def test_what_did_not_go_out_is_counted(patient, open_store: OpenStore):
    street = fill(patient.url, open_store)
    box, event = table(Outbox), table(Event)
    with street.store._write.begin() as connection:
        ids = connection.execute(sa.select(box.c.id).order_by(box.c.id).limit(3)).scalars().all()
        connection.execute(sa.update(box).where(box.c.id.in_(ids[:2])).values(state=Status.FAILED))
        connection.execute(sa.update(box).where(box.c.id == ids[2]).values(state=Status.UNKNOWN))
        assert connection.execute(sa.select(sa.func.count()).select_from(event)).scalar_one() > 0
    told = [line for line in patient.lines(Mark.WARNING) if line.startswith("⚠ 发送：")]
    assert ["2 条" in told[0], "1 条" in told[1], len(told)] == [True, True, 2]


def test_what_was_repeated_or_will_be_named_is_not_to_be_sent_again_by_hand(patient, open_store: OpenStore):
    """In the words of `/状态`: whoever obeyed made the double."""
    street = fill(patient.url, open_store)
    box = table(Outbox)
    with street.store._write.begin() as connection:
        first, again, second, third, fourth = (
            connection.execute(sa.select(box.c.id).order_by(box.c.id).limit(5)).scalars().all()
        )
        doubtful = box.c.id.in_((first, second))
        connection.execute(sa.update(box).where(doubtful).values(state=Status.UNKNOWN, told_at=None))
        connection.execute(sa.update(box).where(box.c.id == again).values(repeat_of=first))
        lost = box.c.id.in_((third, fourth))
        connection.execute(sa.update(box).where(lost).values(state=Status.FAILED))
        connection.execute(sa.update(box).where(box.c.id == fourth).values(told_at=box.c.at))
    told = [line for line in patient.lines() if "发送：" in line]
    assert told == [
        "⚠ 发送：2 条没有送到，重试也没有用，需要有人处理（1 条已换别的出口告知）。处理："
        "用 /状态 看是哪些，请人补发或核对",
        "⚠ 发送：2 条结果不明：请求可能已送到，也可能没有（1 条已重发一次，1 条将汇总提示）。处理：用 /状态 看是哪些，"
        "请核对；已重发的不要再补发",
    ]


# ---------------------------------------------------------------------------------------------------- groups and people


def _with(patient: Patient, old: str, new: str) -> None:
    text = patient.organisation_file.read_text(encoding="utf-8")
    assert old in text
    patient.organisation_file.write_text(text.replace(old, new), encoding="utf-8")


ROBOT = '{ platform = "wecom", webhook_env = "HOOK" }'


def test_a_group_without_a_way_out(patient):
    _with(patient, ROBOT, "")
    assert "派单群没有出口" in patient.only(Mark.WARNING, "平台")
    patient.environ["JIESU_CONSOLE__ENABLED"] = "true"
    assert patient.lines(Mark.WARNING) == patient.lines(Mark.WARNING)
    assert not [line for line in patient.lines(Mark.WARNING) if "没有出口" in line]


def test_groups_without_a_way_out_are_one_line(patient):
    more = '\n[[groups]]\nid = "office"\nname = "综合群"\npurpose = "supervision"\n'
    _with(patient, ROBOT, "")
    text = patient.organisation_file.read_text(encoding="utf-8")
    patient.organisation_file.write_text(text + more, encoding="utf-8")
    assert "派单群、综合群没有出口（2 个群）" in patient.only(Mark.WARNING, "平台")


def test_a_bot_that_may_only_answer_is_told(patient):
    patient.environ |= {"JIESU_WECOM__TOKEN": "t", "JIESU_WECOM__ENCODING_AES_KEY": KEY43}
    patient.environ["JIESU_WECOM__API_BASE"] = "http://127.0.0.1:1"
    told = patient.only(Mark.WARNING, "平台")
    assert "只能回答提问" in told and "JIESU_WECOM__BOT_ID" in told


def test_no_dispatch_group(patient):
    _with(patient, '"dispatch"\nrobots', '"leaders"\nrobots')
    assert "没有派单工作群" in patient.only(Mark.BAD, "平台")


def test_a_key_that_was_not_copied_whole(patient):
    patient.environ["HOOK"] = HOOK[:-5]
    line = patient.only(Mark.BAD, "组织")
    assert "robots.webhook_env：企业微信群机器人的地址应含 key= 和 36 位的键值" in line
    assert "1111" not in line


def test_a_robot_whose_key_stands_in_the_file(patient):
    ding = '{ platform = "dingtalk", webhook = "https://oapi.dingtalk.com/robot/send?access_token=0123456789abcdef" }'
    _with(patient, ROBOT, f"{ROBOT}, {ding}")
    told = "\n".join(patient.lines(Mark.WARNING))
    assert "直接写在组织文件里：派单群" in told
    assert "access_token" not in told


def test_people_who_are_nobody(patient):
    _with(patient, "[[groups]]", '[[patches]]\nid = "p1"\nname = "第一包片"\nleader = "nobody"\n[[groups]]')
    assert "第一包片的包片领导“nobody”" in patient.only(Mark.WARNING, "人员")


def test_roles_that_nobody_has(patient):
    _with(patient, '"duty", "reviewer", "office"', '"duty", "office"')
    assert "没有人是复核专员" in patient.only(Mark.WARNING, "人员")


def _tried(patient, wecom, **how):
    patient.environ |= {"HOOK": wecom.webhook, "JIESU_WECOM__API_BASE": wecom.base}
    found = doctor.examine(None, patient.environ, now=later(), **how)
    return [str(finding) for finding in found if finding.what == "平台试连"]


def test_platforms_are_asked_and_nobody_is_sent_anything(patient):
    with in_thread() as wecom:
        lines = _tried(patient, wecom, probe=True)
        assert lines == ["✔ 平台试连：派单群的企业微信机器人：机器人在群里，没有发送任何消息，时钟一致"]
        assert wecom.messages == []


def test_a_line_is_said_only_when_asked_for(patient):
    with in_thread() as wecom:
        lines = _tried(patient, wecom, send=True)
        assert "✔ 平台试连：派单群的企业微信机器人已在群里说了一句“测试：…”" in lines
        assert wecom.contents == ["测试：这是 jiesu doctor 发的一条消息，不用处理"]


def test_a_platform_that_does_not_answer_is_told_with_a_mend(patient):
    with in_thread() as wecom:
        pass
    lines = _tried(patient, wecom, probe=True)
    assert lines
    assert all(line.startswith("✘ 平台试连：派单群的企业微信机器人") and "。处理：" in line for line in lines)


def test_a_robot_that_is_wrong_is_named_by_its_group_and_place(patient):
    with in_thread() as wecom:
        robots = (Robot(platform="wecom", webhook=wecom.webhook), Robot(platform="wecom", webhook=wecom.webhook[:-1]))
        groups = [
            Group(id=name, name=name, purpose="dispatch", robots=robots[:count])
            for name, count in (("甲群", 1), ("乙群", 2))
        ]
        found = probing.probes(load_settings(None, {}), Organisation(groups=groups), send=False)
    assert [str(finding).partition("：机器人")[0].partition("：群机器人")[0] for finding in found] == [
        "✔ 平台试连：甲群的企业微信机器人",
        "✔ 平台试连：乙群的企业微信机器人（第 1 个）",
        "✘ 平台试连：乙群的企业微信机器人（第 2 个）",
    ]


async def test_a_feishu_robot_can_tell_the_time_though_it_cannot_be_asked():
    async with FakeFeishu() as feishu:
        robots = (Robot(platform="feishu", webhook=feishu.webhook),)
        organisation = Organisation(groups=[Group(id="g", name="甲群", purpose="dispatch", robots=robots)])
        found = await probing._probes(
            load_settings(None, {"JIESU_FEISHU__API_BASE": feishu.base}), organisation, send=False
        )
        assert (feishu.messages, feishu.errors) == ([], [])
    assert [str(finding).partition("。")[0] for finding in found] == [
        "✔ 平台试连：飞书接口：能连上，时钟一致",
        "⚠ 平台试连：甲群的飞书机器人只能发了才知道",
    ]


@pytest.mark.parametrize(
    ("skew", "mark", "words"),
    [
        (timedelta(seconds=5), Mark.GOOD, "时钟一致"),
        (timedelta(minutes=2), Mark.WARNING, "本机时钟慢 2分钟"),
        (-timedelta(minutes=6), Mark.BAD, "本机时钟快 6分钟"),
    ],
)
def test_a_clock_that_differs_is_told_and_how_to_mend_it(skew, mark, words):
    finding = probing._finding(Probe("接口", ok=True, detail="能连上", skew=skew), timedelta(minutes=5))
    assert finding.mark is mark
    assert words in finding.text


# ---------------------------------------------------------------------------------------------------------- the machine


@pytest.mark.parametrize(("free", "mark"), [(10 << 20, Mark.BAD), (500 << 20, Mark.WARNING), (10 << 30, Mark.GOOD)])
def test_room_on_the_disk(patient, monkeypatch, free, mark):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda path: usage(1 << 40, 0, free))
    assert [finding.mark for finding in machine.disk(patient.context.settings)] == [mark]


@pytest.mark.parametrize(("years", "mark"), [((2030,), Mark.WARNING), ((2030, 2031), Mark.GOOD), ((), Mark.BAD)])
def test_years_without_a_calendar(tmp_path, years, mark):
    for year in years:
        (tmp_path / f"{year}.toml").write_text(f'year = {year}\nsource = "国办发明电"\n', encoding="utf-8")
    known = WorkCalendar(folder=tmp_path)
    assert [finding.mark for finding in machine.calendar(known, datetime(2030, 6, 1, tzinfo=UTC))] == [mark]


def test_files_that_others_can_read(patient):
    patient.key_file.chmod(0o644)
    patient.ledger.write_text("")
    patient.ledger.chmod(0o640)
    told = [line for line in patient.lines(Mark.WARNING) if line.startswith("⚠ 文件权限：")]
    assert ["vault.key 是 0644" in told[0], "erased.jsonl 是 0640" in told[1], len(told)] == [True, True, 2]
    assert all("chmod 600" in line for line in told)


def test_a_database_that_others_can_read(sqlite_url, tmp_path):
    patient = Patient(tmp_path / "a", sqlite_url)
    Path(sqlite_url.removeprefix("sqlite:///")).chmod(0o604)
    assert "是 0604" in patient.only(Mark.WARNING, "文件权限")


def test_an_organisation_file_may_be_read_as_long_as_it_holds_no_secret(patient):
    patient.organisation_file.chmod(0o644)
    assert not [line for line in patient.lines(Mark.WARNING) if "文件权限" in line]
    _with(patient, 'webhook_env = "HOOK"', f'webhook = "{HOOK}"')
    assert "organisation.toml 是 0644" in patient.only(Mark.WARNING, "文件权限")


SECRETS = {
    "database_url": 'database_url = "postgresql://jiesu:a-secret@h/jiesu"',
    "intake.token": '[intake]\ntoken = "a-secret"',
    "vault.key": f'[vault]\nkey = "{b64encode(OTHER_KEY).decode()}"',
    "wecom.secret": '[wecom]\nbot_id = "bot"\nsecret = "a-secret"\nws_url = "ws://127.0.0.1:9"',
    "wecom.token": f'[wecom]\ntoken = "a-secret"\nencoding_aes_key = "{KEY43}"\napi_base = "http://127.0.0.1:9"',
    "wecom.encoding_aes_key": f'[wecom]\ntoken = "t"\nencoding_aes_key = "{KEY43}"\napi_base = "http://127.0.0.1:9"',
    "dingtalk.client_secret": '[dingtalk]\nclient_secret = "a-secret"',
    "feishu.app_secret": '[feishu]\napp_id = "cli"\napp_secret = "a-secret"\napi_base = "http://127.0.0.1:9"',
    "feishu.encrypt_key": '[feishu]\nencrypt_key = "a-secret"',
    "feishu.verification_token": '[feishu]\nverification_token = "a-secret"',
    "matrix.access_token": '[matrix]\naccess_token = "a-secret"',
}
"""Every secret of the settings by its name, in a file that is read."""


def _secrets(schema: dict[str, Any], definitions: dict[str, Any], outer: str = "") -> Iterator[str]:
    for name, field in schema["properties"].items():
        if "$ref" in field:
            yield from _secrets(definitions[field["$ref"].rpartition("/")[2]], definitions, f"{name}.")
        elif any(kind.get("format") == "password" for kind in (field, *field.get("anyOf", ()))):
            yield f"{outer}{name}"


def test_every_secret_of_the_settings_is_tried_below():
    schema = Settings.model_json_schema()
    assert sorted(_secrets(schema, schema["$defs"])) == sorted(SECRETS)


@pytest.mark.parametrize(
    ("text", "warned"),
    [
        *((text, True) for text in SECRETS.values()),
        ('database_url = "postgresql:///jiesu?host=h&password=a-secret"\n', True),
        ('[http]\npublic_url = "https://jiesu:a-secret@jiesu.example.cn"\n', True),
        ("[http]\nport = 8081\n", False),
        ('database_url = "postgresql://jiesu@h/jiesu"\n', False),
        ('[matrix]\nhomeserver = "http://127.0.0.1:9"\nuser_id = "@bot:h"\n', False),
    ],
)
def test_a_settings_file_with_a_secret(patient, tmp_path, text, warned):
    (tmp_path / "jiesu.toml").write_text(text)
    (tmp_path / "jiesu.toml").chmod(0o644)
    assert bool([line for line in patient.lines(Mark.WARNING) if "jiesu.toml" in line]) is warned
    assert [line for line in patient.lines() if "a-secret" in line] == []


# ------------------------------------------------------------------------------------------------------ the exit status


def test_only_what_is_wrong_fails(patient, monkeypatch):
    for name, value in patient.environ.items():
        monkeypatch.setenv(name, value)
    runner = CliRunner()
    result = runner.invoke(app, ["doctor"])
    assert result.exit_code == 0, result.output
    assert "要处理 0" in result.output
    patient.key_file.unlink()
    result = runner.invoke(app, ["doctor"])
    assert result.exit_code == 1
    assert "要处理 1" in result.output


def test_exports_that_others_can_read(patient, tmp_path):
    done = tmp_path / "in" / "done"
    done.mkdir(parents=True)
    done.parent.chmod(0o700)
    (done / "今日.csv").touch(0o644)
    done.chmod(0o755)
    patient.environ["JIESU_INTAKE__FOLDER"] = str(tmp_path / "in")
    told = patient.only(Mark.WARNING, "导入文件夹")
    assert "done（0755）" in told
    assert "1 个文件（如 今日.csv）" in told
    assert "chmod -R go-rwx" in told
    (done / "今日.csv").chmod(0o600)
    done.chmod(0o700)
    assert any("来电人的姓名电话，只有属主能读" in line for line in patient.lines(Mark.GOOD))
    done.parent.chmod(0o755)
    assert f"chmod 700 {done.parent}" in patient.only(Mark.WARNING, "导入文件夹")


def test_links_in_the_watched_folder(patient, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir(mode=0o700)
    patient.environ["JIESU_INTAKE__FOLDER"] = str(folder)
    (tmp_path / "large").mkdir(mode=0o700)
    (folder / "done").symlink_to(tmp_path / "large")
    assert not [line for line in patient.lines(Mark.WARNING) if "导入文件夹" in line]
    (folder / "今日.csv").symlink_to(tmp_path / "别处.csv")
    told = patient.only(Mark.WARNING, "导入文件夹")
    assert "1 个链接（如 今日.csv），不会导入" in told


def test_exports_that_are_kept_too_long(patient, tmp_path):
    """Thirty days, and one for a service that was down over night; a rehearsal's days are not the machine's."""
    done = tmp_path / "in" / "done"
    for folder in (done.parent, done):
        folder.mkdir(mode=0o700)
    for days, name in ((32, "旧.csv"), (30, "新.csv")):
        (done / name).touch(0o600)
        (done / f"{name}.result.txt").touch(0o600)
        then = (later() - timedelta(days=days)).timestamp()
        os.utime(done / f"{name}.result.txt", (then, then))
    patient.environ["JIESU_INTAKE__FOLDER"] = str(done.parent)
    assert not any("原表超过" in told for told in patient.lines())
    del patient.environ["JIESU_CLOCK__SPEED"]
    assert "1 个原表超过30天还没有删去（如 旧.csv）" in patient.only(Mark.WARNING, "导入文件夹")


def test_attachments_that_are_missing_or_damaged(database_url: str, open_store: OpenStore, tmp_path: Path):
    street = fill(database_url, open_store)
    for color, (order, name) in enumerate(((1, "全.png"), (1, "改.png"), (2, "缺.png"), (2, "短.png"))):
        assert street.say("zhang", f"#{order}", files={name: png(color)}).startswith("✔")
    patient = Patient(tmp_path / "house", database_url)
    assert any("附件：4 个，内容都在" in line for line in patient.lines(Mark.GOOD))
    files = {item.name: item for item in street.rows(Attachment)}
    stored = table(AttachmentFile)
    with street.store._write.begin() as connection:
        for name, change in (("改.png", lambda sealed: bytes((sealed[-1] ^ 1,))), ("短.png", lambda sealed: b"")):
            item = files[name]
            here = sa.and_(stored.c.order_id == item.order_id, stored.c.n == item.n, stored.c.part == item.part)
            sealed = connection.execute(sa.select(stored.c.sealed).where(here)).scalar_one()
            connection.execute(sa.update(stored).where(here).values(sealed=sealed[:-1] + change(sealed)))
        gone = files["缺.png"]
        connection.execute(sa.delete(stored).where(stored.c.order_id == gone.order_id, stored.c.n == gone.n))
    told = [line for line in patient.lines(Mark.BAD) if "附件：" in line]
    assert len(told) == 3
    assert all("请存入的人再存一次" in line for line in told)
    for what in ("#1 的附件“改.png”内容被改动过", "#2 的附件“缺.png”缺少内容", "#2 的附件“短.png”长度与记录不符"):
        assert any(what in line for line in told), what
    assert "全.png" not in "".join(told)
