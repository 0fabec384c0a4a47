"""A whole office on DingTalk: the same messages by Stream and by callback leave the same in the store."""

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from storage.columns import table
from storage.projection import PROJECTIONS
from storage.tables import Attachment, Order, Outbox
from tests.platforms.dingtalk.desk import headers_at, opened, organisation
from tests.platforms.dingtalk_server import FakeDingTalk

ORDER = "/登记 工单编号：20260601000001\n标题：路灯不亮\n诉求：桃花巷路灯不亮"
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes.fromhex("0000000d49484452000000010000000108060000001f15c489") + bytes(40)


@pytest.fixture
async def dingtalk():
    async with FakeDingTalk() as server:
        server.members |= {f"id-{person.id}" for person in organisation().people}
        server.files["c1"] = PICTURE
        yield server
        assert server.errors == []


class Platform:
    """The platform's way to us, in one of the two modes."""

    def __init__(self, server, client, mode):
        self.server, self.client, self.mode = server, client, mode

    async def tell(self, data):
        if self.mode == "stream":
            await self.server.push(data)
            assert (await self.server.acknowledged.get())["code"] == 200
        else:
            headers = headers_at(datetime.now(UTC))
            async with self.client.post("/callbacks/dingtalk", json=data, headers=headers) as answer:
                assert answer.status == 200


@pytest.mark.parametrize("mode", ["stream", "http"])
async def test_a_day(database_url, tmp_path, dingtalk, mode):
    settings = {"JIESU_DINGTALK__MODE": mode}
    async with opened(database_url, tmp_path, dingtalk, organisation(), **settings) as (service, client):
        platform = Platform(dingtalk, client, mode)
        await platform.tell(dingtalk.said(ORDER, number="m1"))
        await platform.tell(dingtalk.said(ORDER, number="m1"))
        await service.delivery.drain()
        quoted = {"msgId": "?", "msgType": "text", "content": {"text": dingtalk.messages[0].content}}
        await platform.tell(
            dingtalk.said(number="m2", text={"content": "签收", "isReplyMsg": True, "repliedMsg": quoted})
        )
        picture = {"richText": [{"text": "1"}, {"type": "picture", "downloadCode": "c1"}]}
        await platform.tell(dingtalk.said(number="m3", msgtype="richText", content=picture))
        await platform.tell(dingtalk.said("待办", number="m4", senderStaffId="", senderId="$:LWCP_v1:$stranger"))
        await platform.tell(dingtalk.said("待办", number="m5", conversationId="cid-unknown"))
        await service.delivery.drain()
        if mode == "stream":
            async with client.get("/readyz") as answer:
                assert (await answer.json())["platforms"] == {"dingtalk": "已连接"}
        with service.office.store.connect() as connection:
            orders = connection.execute(sa.select(table(PROJECTIONS[Order]).c.state)).scalars().all()
            kept = connection.execute(sa.select(table(PROJECTIONS[Attachment]).c.order_id)).scalars().all()
            waiting = connection.execute(sa.select(table(Outbox)).where(table(Outbox).c.state != "sent")).all()

    assert (orders, kept, waiting) == (["待派单"], [1], [])
    contents = [message.content for message in dingtalk.messages]
    assert sum("已登记 20260601000001" in content for content in contents) == 1
    assert sum("已签收" in content for content in contents) == 1
    assert sum("您不在本街道" in content for content in contents) == 1
    # answers call who asked: by id, and in the text
    assert dingtalk.messages[0].called == ("user123",)
    assert {message.where for message in dingtalk.messages} <= {"session", "cid1"}


async def test_a_notice_reaches_the_group_and_the_person(sqlite_url, tmp_path, dingtalk):
    async with opened(sqlite_url, tmp_path, dingtalk, organisation()) as (service, client):
        platform = Platform(dingtalk, client, "stream")
        await platform.tell(dingtalk.said(ORDER, number="m1"))
        await platform.tell(dingtalk.said("签收 1", number="m2"))
        await platform.tell(dingtalk.said("派单 1 城管科", number="m3"))
        await service.delivery.drain()

    pushed = [message for message in dingtalk.messages if message.where == "cid1"]
    assert any("【#1】" in message.content and "@王科长" in message.content for message in pushed)
