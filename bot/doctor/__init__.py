"""`jiesu doctor`: what is well and what is not, each with its mend. Reads only; makes and changes nothing."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from bot.doctor import machine, probing, store, ways_out
from bot.doctor.finding import Finding, Mark, bad, good, warning
from bot.service import open_store
from config.calendar import WorkCalendar
from config.errors import ConfigError
from config.organisation import Organisation, load_organisation
from config.policy import load_policy
from config.settings import Settings, load_settings
from config.shanghai import day_of
from storage.errors import StoreError
from storage.vault import VaultError

__all__ = ["Finding", "Mark", "examine"]


def examine(
    config_file: Path | None, environ: Mapping[str, str], *, now: datetime, probe: bool = False, send: bool = False
) -> Iterator[Finding]:
    """Everything that can be seen from here, in the order in which a person would mend it. `now` is the real time.

    `probe` asks the platforms, too; with `send` each group robot says a line.
    """
    try:
        settings = load_settings(config_file, environ)
    except ConfigError as error:
        yield bad("设置", str(error), "改好后再运行 jiesu doctor，其余项目未检查")
        return
    yield good("设置", "读得懂" + ("（演练时钟）" if settings.clock.rehearsal else ""))
    organisation = None
    for finding in _files(settings, environ):
        if isinstance(finding, Organisation):
            organisation = finding
        else:
            yield finding
    yield from machine.clock(settings, now)
    yield from _store(settings, now)
    if organisation is not None:
        yield from ways_out.platforms(settings, organisation)
        yield from ways_out.people(organisation)
        if probe or send:
            yield from probing.probes(settings, organisation, send=send)
    yield from machine.disk(settings)
    yield from machine.calendar(WorkCalendar(), now)
    yield from machine.modes(settings, config_file, organisation)
    yield from machine.kept_exports(settings, _kept(settings, now), now)


def _kept(settings: Settings, now: datetime) -> timedelta:
    """How long exports are kept, by the office's rules; by the shipped ones where those cannot be read."""
    try:
        policy = load_policy(settings.policy_file)
    except ConfigError:
        policy = load_policy(None)
    return policy.on(day_of(now)).kept_exports


def _files(settings: Settings, environ: Mapping[str, str]) -> Iterator[Finding | Organisation]:
    """Policy and organisation; the organisation itself where it can be read."""
    try:
        load_policy(settings.policy_file)
        yield good("规则", str(settings.policy_file or "自带的默认规则"))
    except ConfigError as error:
        yield bad("规则", str(error), "用 jiesu policy check 文件 核对")
    path = settings.organisation_file
    if path is None:
        yield bad("组织", "没有组织文件，服务不会启动", "设置 JIESU_ORGANISATION_FILE，或先运行 jiesu init 目录")
        return
    try:
        organisation = load_organisation(path, environ)
    except ConfigError as error:
        yield bad("组织", str(error), "改好这一行，服务不会带着错误启动")
        return
    yield good("组织", f"{path}：{len(organisation.people)} 人，{len(organisation.groups)} 个群")
    yield organisation


def _store(settings: Settings, now: datetime) -> Iterator[Finding]:
    file = machine.database_file(settings)
    if file is not None and not file.exists():
        yield warning("数据库", f"{file} 还没有", "第一次 jiesu run 时会建立，或用 jiesu db restore 恢复备份")
        return
    try:
        opened = open_store(settings, create=False, migrate=False)
    except (StoreError, VaultError) as error:
        yield bad("数据库", str(error), "照上面说的处理后再查")
        return
    try:
        with opened.connect() as connection:
            yield from store.findings(connection, opened, settings, now)
    except DBAPIError as error:
        mend = "保留现场，把最近的备份恢复到另一个地址比对"
        yield bad("数据库", f"读不下去（{type(error.orig).__name__}），文件可能已损坏", mend)
    finally:
        opened.close()
