"""A whole office on DingTalk."""

from tests.platforms.dingtalk.desk import opened, organisation
from tests.platforms.dingtalk_server import FakeDingTalk


async def test_a_day_by_stream(database_url, tmp_path, clock):
    async with FakeDingTalk() as dingtalk:
        dingtalk.members |= {f"id-{person.id}" for person in organisation().people}
        async with opened(database_url, tmp_path, dingtalk, organisation()) as (service, client):
            line = dingtalk.lines[-1]
            text = "/登记 工单编号：20260601000001\n标题：路灯不亮\n诉求：桃花巷路灯不亮"
            for number, said in enumerate([text, text, "签收 1"]):
                data = dingtalk.said(said, number=f"m{max(number, 1)}")
                await dingtalk.push(data, line, number=f"f{number}")
                await dingtalk.acknowledged.get()
            await service.delivery.drain()
            stranger = dingtalk.said("待办", number="m9", senderStaffId="")
            await dingtalk.push(stranger, line)
            await dingtalk.acknowledged.get()
            await service.delivery.drain()
            async with client.get("/readyz") as answer:
                assert (await answer.json())["platforms"] == {"dingtalk": "已连接"}
        contents = [message.content for message in dingtalk.messages]
        assert sum("✔ 已登记" in content for content in contents) == 1, contents
        assert any("【#1】" in content and "✔" in content for content in contents)
        assert {m.where for m in dingtalk.messages} >= {"session"}
        assert dingtalk.errors == []
