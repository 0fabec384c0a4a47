"""What a group robot sends is counted for the robot, wherever it stands in the organisation file."""

import pytest

from bot.platforms import dingtalk, feishu, wecom
from bot.platforms.contract import Wiring
from config.entries import Robot
from config.settings import load_settings
from storage.outbox import Priority
from tests.bot.delivery_desk import ROBOT, HandClock, house
from tests.platforms.wecom_server import FakeWeCom

KEY = "11111111-2222-3333-4444-555555555555"
ADDRESSES = {
    wecom: f"https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key={KEY}",
    dingtalk: f"https://oapi.dingtalk.com/robot/send?access_token={KEY}",
    feishu: f"https://open.feishu.cn/open-apis/bot/v2/hook/{KEY}",
}
WAYS_IN = (
    {},
    {"JIESU_WECOM__TOKEN": "t", "JIESU_WECOM__ENCODING_AES_KEY": "A" * 43},
    {"JIESU_WECOM__BOT_ID": "bot", "JIESU_WECOM__SECRET": "s"},
)


def platform(module, session, now=None, **environ):
    return module.connect(Wiring(load_settings(None, environ), session, None, None, None, now))


def buckets(module, session, address, **environ):
    name = module.__name__.rpartition(".")[2]
    return [limit.bucket for limit in platform(module, session, **environ).robot(named(name, address)).limits]


def named(name, address):
    return Robot(platform=name, webhook=address)


@pytest.mark.parametrize("module", ADDRESSES, ids=lambda module: module.__name__.rpartition(".")[2])
def test_every_robot_has_a_bucket_of_its_own_that_gives_no_key_away(module):
    own, other = (
        buckets(module, None, address) for address in (ADDRESSES[module], ADDRESSES[module].replace("1111", "2222", 1))
    )
    assert None not in own
    assert len(set(own)) == 1
    assert own != other
    assert KEY not in str(own)


def test_it_is_the_same_however_commands_come_in():
    found = {tuple(buckets(wecom, None, ADDRESSES[wecom], **environ)) for environ in WAYS_IN}
    assert len(found) == 1


async def test_a_robot_that_stands_elsewhere_in_the_file_after_a_restart_keeps_its_count(store, session):
    clock = HandClock()
    async with FakeWeCom(now=clock.now) as server, house(store, clock, server) as office:
        sender = platform(wecom, session, clock.now).robot(office.office.organisation.groups[0].robots[0])
        office.senders[ROBOT] = sender
        for number in range(18):
            await office.queue(f"【#{number}】紧急", Priority.URGENT)
        await office.delivery.drain()
        assert len(server.messages) == 18

        office.restart("two")
        office.senders = {"wecom:renamed:1": sender}
        for number in range(6):
            await office.queue(f"【#{number}】紧急", Priority.URGENT, endpoints=["wecom:renamed:1"])
        begin = clock.at
        await office.delivery.drain()
        assert len(server.messages) == 18
        await office.through()
        assert (len(server.messages), server.refused) == (24, [])
        assert clock.at > begin
