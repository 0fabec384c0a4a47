"""People at work who do not notice that the service dies: each repeats a message until it is answered."""

import asyncio
import contextlib
import json
import random
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.crash.house import PATIENCE, TOKEN, House

SEATS = ("zhang", "li", "zhao")
DEPARTMENTS = {"城管科": ("chengguan", "wang"), "社区建设科": ("shequ", "liu")}
_SHORT = re.compile(r"【#(\d+)】")


@dataclass(frozen=True)
class Said:
    """One message of a person."""

    person: str
    group: str
    text: str
    message_id: str

    @property
    def cause(self) -> str:
        """What its events and notices name as their cause."""
        return f"console:{self.person}/{self.message_id}"


@dataclass(frozen=True)
class Answered:
    """A message and its whole answer, byte for byte; `tries` is how often it had to be sent."""

    said: Said
    body: bytes
    tries: int

    @property
    def replies(self) -> list[str]:
        return [reply["text"] for reply in json.loads(self.body)["replies"]]

    @property
    def done(self) -> list[int]:
        """Orders on which the command was carried out."""
        lines = [line for reply in self.replies for line in reply.splitlines()]
        return [int(found[1]) for line in lines if (found := re.match(r"✔ 【#(\d+)】", line))]


@dataclass
class Stream:
    """What several people do at once. `answered` and `delivered` are what the service has acknowledged."""

    house: House
    random: random.Random
    answered: list[Answered] = field(default_factory=list)
    delivered: set[str] = field(default_factory=set)
    numbers: dict[str, int] = field(default_factory=dict)
    acknowledged: int = 0
    retries: int = 0
    busy: int = 0
    refused: list[str] = field(default_factory=list)
    _count: int = 0
    _orders: int = 0
    _stopping: bool = False
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: "list[asyncio.Task[None]]" = field(default_factory=list)

    def start(self, people: int = 4) -> None:
        """Begin; each of them has a connection of its own."""
        self._tasks = [asyncio.create_task(self._work()) for _ in range(people)]

    async def answers(self, count: int) -> None:
        """Wait until so many more answers have come, or the service has gone."""
        goal = self.acknowledged + count
        await self._until(lambda: self.acknowledged >= goal or not self.house.alive)

    async def refusals(self, count: int) -> None:
        """Wait until so many more requests were refused because nothing can be stored."""
        goal = len(self.refused) + count
        await self._until(lambda: len(self.refused) >= goal)

    async def quiet(self) -> None:
        """Wait until everybody knows that the service has gone."""
        await self._until(lambda: self.busy == 0)

    async def finish(self) -> None:
        """Begin nothing new; returns when everything that was begun is answered."""
        self._stopping = True
        await asyncio.gather(*self._tasks)

    async def abandon(self) -> None:
        """Stop at once, whatever is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def ask_again(self) -> list[Answered]:
        """Everything that was answered, asked once more under the same message ids."""
        again: list[Answered] = []
        waiting = list(self.answered)

        async def ask(http: aiohttp.ClientSession) -> None:
            while waiting:
                said = waiting.pop().said
                again.append(Answered(said, *await self._post(http, "/console/messages", _message(said))))

        async with _sessions(4) as sessions:
            await asyncio.gather(*(ask(session) for session in sessions))
        return again

    async def _until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not true():
                self._news.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), 0.1)

    async def _work(self) -> None:
        async with _sessions(1) as (http,):
            while not self._stopping:
                await self._life(http)

    async def _life(self, http: aiohttp.ClientSession) -> None:
        """Some new orders and what people do with them, until the stream stops or the last is closed."""
        numbers = await self._deliver(http)
        for step in (self._sign_off, self._handle):
            if self._stopping:
                return
            await step(http, numbers)

    async def _deliver(self, http: aiohttp.ClientSession) -> list[str]:
        orders = [self._order() for _ in range(self.random.choice((1, 1, 2, 3)))]
        numbers = [order["工单编号"] for order in orders]
        body, _ = await self._post(http, "/api/orders", orders)
        answer = json.loads(body)
        assert sorted(answer["accepted"] + answer["unchanged"]) == sorted(numbers), answer
        self.delivered.update(numbers)
        return numbers

    async def _sign_off(self, http: aiohttp.ClientSession, numbers: list[str]) -> None:
        text = f"/签收 {' '.join(numbers)}"
        hands = self.random.sample(SEATS, self.random.choice((1, 1, 2)))
        answers = await asyncio.gather(*(self._say(http, seat, self._anywhere(seat), text) for seat in hands))
        # Two hands at once: between them each order was signed exactly once.
        signed = sorted(number for answer in answers for number in answer.done)
        assert len(signed) == len(set(signed)) == len(numbers), [answer.replies for answer in answers]
        lines = [line for line in answers[0].replies[0].splitlines() if line.startswith(("✔", "✘"))]
        for number, line in zip(numbers, lines, strict=True):
            found = _SHORT.search(line)
            assert found is not None
            assert self.numbers.setdefault(number, int(found[1])) == int(found[1])

    async def _handle(self, http: aiohttp.ClientSession, numbers: list[str]) -> None:
        for number in numbers:
            order = self.numbers[number]
            name = self.random.choice(list(DEPARTMENTS))
            group, head = DEPARTMENTS[name]
            seat = self.random.choice(SEATS)
            steps = (
                (seat, "dispatch", f"/派单 {order} {name}"),
                (seat, "supervision", f"/查 {order}"),
                (head, group, f"/接单 {order}"),
                (seat, f"@{seat}", f"/催办 {order}"),
                (head, f"@{head}", f"/反馈 {order} 已接通 已经说明情况"),
                (head, group, "收到，马上去看"),
                (seat, "dispatch", f"/升级 {order} 请关注"),
                (head, group, f"/办结 {order} 解决 已经清理完毕"),
                ("gao", "supervision", f"/评定 {order} 是 解决 满意"),
                ("sun", "supervision", f"/结案 {order}"),
            )
            for person, chat, text in steps:
                if self._stopping:
                    return
                answer = await self._say(http, person, chat, text)
                assert not text.startswith("/") or answer.replies, answer
                assert not text.startswith(_MUST) or answer.done == [order], answer.replies

    async def _say(self, http: aiohttp.ClientSession, person: str, group: str, text: str) -> Answered:
        self._count += 1
        said = Said(person, group, text, f"m{self._count}")
        answer = Answered(said, *await self._post(http, "/console/messages", _message(said)))
        self.answered.append(answer)
        return answer

    async def _post(self, http: aiohttp.ClientSession, path: str, body: object) -> tuple[bytes, int]:
        """Post until it is answered; gives the answer and how often it took."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        tries = 0
        while True:
            tries += 1
            self.busy += 1
            try:
                async with http.post(f"{self.house.base}{path}", json=body, headers=headers) as response:
                    answer = await response.read()
                    if response.status == 200:
                        self.acknowledged += 1
                        return answer, tries
                    assert response.status == 503, (response.status, answer.decode())
                    self.refused.append(json.loads(answer)["error"])
            except (aiohttp.ClientError, OSError):
                pass
            finally:
                self.busy -= 1
                self._news.set()
            self.retries += 1
            await asyncio.sleep(0.01)
            await self.house.up.wait()

    def _order(self) -> dict[str, str]:
        self._orders += 1
        number = self._orders
        return {
            "工单编号": f"热线-260601-{number:06}",
            "工单类型": "投诉",
            "问题分类": "城市管理->市容环境->占道经营",
            "标题": f"第 {number} 件：店外经营",
            "主要内容": "店铺把桌椅摆到人行道上，影响通行",
            "来电人": "张三",
            "来电人电话/账号": f"1380000{number % 10000:04}",
            "村/社区": "科源社区",
            "紧急程度": self.random.choice(("紧急", "一般", "一般", "一般")),
        }

    def _anywhere(self, person: str) -> str:
        return self.random.choice(("dispatch", "supervision", f"@{person}"))


_MUST = ("/派单", "/接单", "/反馈", "/办结", "/评定", "/结案")
"""Commands that are carried out whatever happens around them; /催办 and /升级 may be refused."""


def _message(said: Said) -> dict[str, Any]:
    return {"person": said.person, "group": said.group, "text": said.text, "message_id": said.message_id}


@contextlib.asynccontextmanager
async def _sessions(count: int) -> AsyncIterator[list[aiohttp.ClientSession]]:
    async with contextlib.AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(
                aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=2), timeout=aiohttp.ClientTimeout(30))
            )
            for _ in range(count)
        ]
