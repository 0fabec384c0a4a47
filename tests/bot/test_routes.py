import pytest

from bot.directory import Directory
from bot.routes import Address, Endpoints, address, platform_of
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


def test_a_group_is_reached_in_the_work_group_and_once_on_each_platform():
    assert endpoints("true").of_group(TWO) == ("console:dispatch", "wecom:dispatch:0", "dingtalk:dispatch:1")
    assert endpoints("true").of_group(NONE) == ("console:leaders",)


def test_a_second_robot_of_a_platform_is_a_spare():
    assert endpoints("false").every_of_group(TWO) == ("wecom:dispatch:0", "dingtalk:dispatch:1", "wecom:dispatch:2")


def test_without_the_console_only_robots_are_left():
    assert endpoints("false").of_group(TWO) == ("wecom:dispatch:0", "dingtalk:dispatch:1")
    assert endpoints("false").of_group(NONE) == ()
    assert endpoints("false").of_person("zhang") == ()


def test_a_person_of_the_organisation_has_a_private_chat_in_the_console():
    assert endpoints("true").of_person("zhang") == ("console:@zhang",)
    assert endpoints("true").of_person("nobody") == ()


def test_the_platform_stands_first():
    assert platform_of("wecom:dispatch:0") == "wecom"
    assert platform_of("console:@zhang") == "console"


BOT = {
    "JIESU_MATRIX__HOMESERVER": "https://chat.test",
    "JIESU_MATRIX__USER_ID": "@bot:chat.test",
    "JIESU_MATRIX__ACCESS_TOKEN": "x",
}


def test_where_the_bot_may_speak_its_robots_on_the_platform_are_silent():
    group = Group(id="g", name="群", purpose="dispatch", chats={"matrix": "!r:chat.test"}, robots=(ROBOTS[0],))
    li = Person(id="li", name="李四", roles=frozenset({"duty"}), accounts={"matrix": "@li:chat.test"})
    organisation = Organisation(people=(li,), groups=(group,))
    ways = Endpoints(organisation, load_settings(None, BOT))
    assert ways.of_group(group) == ("matrix:g", "wecom:g:0")
    assert ways.of_person("li") == ("matrix:@li",)
    assert ways.directory.chat("matrix", "g") == "!r:chat.test"
    assert ways.directory.person("matrix", "@li:chat.test") == li


APP = {"JIESU_DINGTALK__CLIENT_ID": "ding1", "JIESU_DINGTALK__CLIENT_SECRET": "x"}


def test_where_only_its_robot_can_call_people_the_bot_leaves_notices_to_it():
    chats = {"dingtalk": "cid1"}
    both = Group(id="g", name="群", purpose="dispatch", chats=chats, robots=(DING, ROBOTS[0]))
    bot = Group(id="h", name="群二", purpose="leaders", chats={"dingtalk": "cid2"}, robots=(ROBOTS[1],))
    ways = Endpoints(Organisation(people=(), groups=(both, bot)), load_settings(None, APP))
    assert ways.of_group(both) == ("dingtalk:g:0", "wecom:g:1")
    assert ways.of_group(bot) == ("dingtalk:h", "wecom:h:0")


@pytest.mark.parametrize(("text_only", "way"), [(True, "wecom:g:0"), (False, "wecom:g")])
def test_readers_who_see_no_markdown_are_written_to_by_the_robot(text_only, way):
    group = Group(
        id="g", name="群", purpose="dispatch", chats={"wecom": "wr1"}, robots=(ROBOTS[0],), text_only=text_only
    )
    settings = load_settings(None, {"JIESU_WECOM__BOT_ID": "b", "JIESU_WECOM__SECRET": "x"})
    ways = Endpoints(Organisation(people=(), groups=(group,)), settings)
    assert ways.of_group(group) == (way,)
    assert set(ways.every_of_group(group)) == {"wecom:g:0", "wecom:g"}


def test_a_person_on_several_platforms_is_written_to_where_they_wrote_last():
    accounts = {"matrix": "@li:chat.test", "dingtalk": "li"}
    li = Person(id="li", name="李四", roles=frozenset({"duty"}), accounts=accounts)
    ways = Endpoints(Organisation(people=(li,), groups=()), load_settings(None, BOT | APP))
    assert ways.every_of_person("li") == ("dingtalk:@li", "matrix:@li")
    ways.directory.wrote("li", "matrix")
    assert ways.of_person("li") == ("matrix:@li",)
    assert ways.every_of_person("li") == ("matrix:@li", "dingtalk:@li")


@pytest.mark.parametrize(
    ("endpoint", "parts"),
    [
        ("wecom:dispatch", Address("wecom", group="dispatch")),
        ("wecom:dispatch:1", Address("wecom", group="dispatch", index=1)),
        ("feishu:@zhang", Address("feishu", person="zhang")),
        ("matrix:=!r:chat.test", Address("matrix", chat="!r:chat.test")),
        ("matrix:=@@li:chat.test", Address("matrix", account="@li:chat.test")),
    ],
)
def test_an_endpoint_says_where_it_leads(endpoint: str, parts: Address):
    assert address(endpoint) == parts


def test_a_directory_without_bindings_is_the_organisation_file():
    directory = Directory(ORGANISATION)
    assert directory.account("wecom", "zhang") is None
    assert directory.account("wecom", "nobody") is None
    assert directory.group("wecom", "wr1") is None
