"""What an office lacks to bring an order to its end is told at each start, not only by `jiesu doctor`."""

from bot.doctor.ways_out import lacking, unread
from bot.routes import Endpoints
from config.organisation import Group, Organisation, Robot
from config.settings import load_settings
from tests.street import sample_organisation


def _told(people=None, groups=None) -> str:
    sample = sample_organisation()
    return "\n".join(
        map(
            str,
            lacking(
                Organisation(
                    sample.people if people is None else people,
                    sample.departments,
                    sample.patches,
                    sample.communities,
                    sample.groups if groups is None else groups,
                )
            ),
        )
    )


def test_a_whole_office_lacks_nothing():
    assert _told() == ""


def test_nobody_on_duty_and_no_dispatch_group_and_twins_are_told():
    people = sample_organisation().people
    assert "没有人是值班坐席" in _told([person for person in people if "duty" not in person.roles])
    assert "没有派单工作群" in _told(groups=[])
    twin = people[0].model_copy(update={"id": "twin", "accounts": {}})
    assert f"有 2 个人叫“{twin.name}”" in _told([*people, twin])


ROBOTS = tuple(Robot(platform="wecom", webhook=f"https://qyapi.weixin.qq.com/{number}") for number in range(2))


def test_several_robots_of_one_platform_in_one_group_are_told():
    first, *rest = sample_organisation().groups
    told = _told(groups=[first.model_copy(update={"robots": ROBOTS}), *rest])
    assert f"{first.name}有 2 个企业微信机器人，视为同一个会话：第一个发，其余备用" in told


def test_plain_readers_whom_only_the_bot_reaches_are_told_by_doctor():
    settings = load_settings(None, {"JIESU_WECOM__BOT_ID": "b", "JIESU_WECOM__SECRET": "x"})
    chats = {"wecom": "wr1"}
    plain = Group(id="g", name="居民群", purpose="dispatch", chats=chats, text_only=True)
    cases = ((plain, 1), (plain.model_copy(update={"robots": ROBOTS[:1]}), 0))
    for group, count in (*cases, (plain.model_copy(update={"text_only": False}), 0)):
        organisation = Organisation(people=(), groups=(group,))
        found = [str(each) for each in unread(Endpoints(organisation, settings), organisation)]
        assert len(found) == count
        assert all("居民群只能看纯文本" in line for line in found)
