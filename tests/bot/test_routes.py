from datetime import timedelta

import pytest

from bot.platforms.contract import Limit
from bot.platforms.posting import webhook_session
from bot.routes import Endpoints, platform_of
from config.errors import ConfigError
from config.organisation import Group, Organisation, Person, Robot
from config.settings import load_settings

HOOK = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=11111111-2222-3333-4444-55555555555{}"
ROBOTS = tuple(Robot(platform="wecom", webhook=HOOK.format(number)) for number in range(2))
DING = Robot(platform="dingtalk", webhook="https://oapi.dingtalk.com/robot/send?access_token=x")
TWO = Group(id="dispatch", name="派单工作群", purpose="dispatch", robots=(ROBOTS[0], DING, ROBOTS[1]))
NONE = Group(id="leaders", name="领导群", purpose="leaders")
ORGANISATION = Organisation(
    people=(Person(id="zhang", name="张三", roles=frozenset({"duty"})),),
    groups=(TWO, NONE),
)


def endpoints(console, organisation=ORGANISATION):
    return Endpoints(organisation, load_settings(None, {"JIESU_CONSOLE__ENABLED": console}))


def test_a_group_is_reached_in_the_work_group_and_by_each_robot_that_can_be_sent_to():
    assert endpoints("true").of_group(TWO) == ("console:dispatch", "wecom:dispatch:0", "wecom:dispatch:2")
    assert endpoints("true").of_group(NONE) == ("console:leaders",)


def test_without_the_console_only_robots_are_left():
    assert endpoints("false").of_group(TWO) == ("wecom:dispatch:0", "wecom:dispatch:2")
    assert endpoints("false").of_group(NONE) == ()
    assert endpoints("false").of_person("zhang") == ()


def test_a_person_of_the_organisation_has_a_private_chat_in_the_console():
    assert endpoints("true").of_person("zhang") == ("console:@zhang",)
    assert endpoints("true").of_person("nobody") == ()


async def test_every_robot_has_a_sender_and_the_console_needs_none():
    async with webhook_session() as session:
        senders = endpoints("true").senders(session)
    assert set(senders) == {"wecom:dispatch:0", "wecom:dispatch:2"}
    assert {sender.limits for sender in senders.values()} == {(Limit(18, timedelta(minutes=1)),)}
    assert "1111" not in repr(senders)


async def test_a_robot_with_a_wrong_address_is_named_before_anything_starts():
    wrong = Robot(platform="wecom", webhook="https://qyapi.weixin.qq.com/send?key=1")
    organisation = Organisation(groups=(Group(id="g", name="群", purpose="dispatch", robots=(wrong,)),))
    async with webhook_session() as session:
        with pytest.raises(ConfigError, match="地址不对"):
            endpoints("false", organisation).senders(session)


def test_the_platform_stands_first():
    assert platform_of("wecom:dispatch:0") == "wecom"
    assert platform_of("console:@zhang") == "console"


async def test_an_office_may_leave_more_of_a_robots_limit_to_others():
    settings = load_settings(None, {"JIESU_WECOM__PER_MINUTE": "5"})
    async with webhook_session() as session:
        senders = Endpoints(ORGANISATION, settings).senders(session)
    assert {sender.limits for sender in senders.values()} == {(Limit(5, timedelta(minutes=1)),)}
    with pytest.raises(ConfigError, match="JIESU_WECOM__PER_MINUTE"):
        load_settings(None, {"JIESU_WECOM__PER_MINUTE": "21"})
