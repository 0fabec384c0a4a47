"""The limit: bare aiohttp, one writer thread, raw sqlite3, every row durable before the answer.

It writes for a 签收 just the rows that the program writes, in groups, into the same tables, and decides nothing:
no parser, no permissions, no projection, no masking. Nothing in Python on this machine can be much faster.
"""

import asyncio
import hashlib
import json
import os
import queue
import sqlite3
import sys
import threading
from collections.abc import Callable
from typing import Any

from aiohttp import web

NOW = "2026-06-01 00:00:00.000000"
DUE = "2026-06-01 02:00:00.000000"
LARGEST = 64
_INBOX = "INSERT INTO inbox (platform, message_id, at, chat, person, text, replies) VALUES ('console',?,?,?,?,?,?)"
_EVENT = (
    "INSERT INTO event (seq, order_id, n, at, kind, actor, cause, body, previous, hash) "
    "VALUES (?,?,?,?,'签收','zhang',?,?,?,?)"
)
_ORDER = (
    "UPDATE orders SET state='待派单', signed_at=?, signed_by='zhang', stay=2, since=?, events=2, changed_at=? "
    "WHERE id=?"
)
_MET = "UPDATE clock SET met_at=?, late_seconds=0 WHERE order_id=? AND kind='签收' AND generation=0"
_CLOCK = (
    "INSERT INTO clock (order_id, kind, generation, started_at, due_at, basis, rule_version, calendar_version, "
    "provisional, urgent, cancel_reason) VALUES (?,'派单',0,?,?,'自签收','1','',0,0,'')"
)
_UNSET = "DELETE FROM timer WHERE order_id=? AND kind=? AND generation=0"
_TIMER = "INSERT INTO timer (order_id, kind, generation, next_at) VALUES (?,'派单',0,?)"
_LEFT = "UPDATE stay SET until=? WHERE order_id=? AND n=1"
_STAY = "INSERT INTO stay (order_id, n, state, since) VALUES (?,2,'待派单',?)"
_SAID = (
    "INSERT INTO console_message (id, at, chat, sender, kind, text, mentions, orders, message_id) "
    "VALUES (?,?,'dispatch',?,?,?,'[]',?,?)"
)
_REPLY = "✔ 【#{0}】已签收（张坐席 08:00）\n派单时限：10:00\n下一步：/派单 {0} 主办科室"
_Item = tuple[dict[str, Any], Callable[[str], None]]


class Writer:
    """Takes what arrived during the last commit as one transaction."""

    def __init__(self, path: str, loop: asyncio.AbstractEventLoop) -> None:
        self._path = path
        self._loop = loop
        self._queue: queue.SimpleQueue[_Item] = queue.SimpleQueue()
        threading.Thread(target=self._run, daemon=True).start()

    async def write(self, body: dict[str, Any]) -> str:
        """Write one command; returns its reply once it is durable."""
        future: asyncio.Future[str] = self._loop.create_future()
        self._queue.put((body, future.set_result))
        return await future

    def _run(self) -> None:
        database = sqlite3.connect(self._path, isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            database.execute(f"PRAGMA {pragma}")
        while True:
            taken = [self._queue.get()]
            while len(taken) < LARGEST:
                try:
                    taken.append(self._queue.get_nowait())
                except queue.Empty:
                    break
            replies = _write(database, [body for body, _ in taken])
            answers = [(answer, reply) for (_, answer), reply in zip(taken, replies, strict=True)]
            self._loop.call_soon_threadsafe(_answer, answers)


def _answer(answers: list[tuple[Callable[[str], None], str]]) -> None:
    for answer, reply in answers:
        answer(reply)


def _write(database: sqlite3.Connection, bodies: list[dict[str, Any]]) -> list[str]:
    orders = [int(body["text"].rsplit("#", 1)[1]) for body in bodies]
    replies = [
        f"✔ 【#{order}】已签收（张坐席 08:00）\n派单时限：10:00\n下一步：/派单 {order} 主办科室" for order in orders
    ]
    causes = [f"console:zhang/{body['message_id']}" for body in bodies]
    run, many = database.execute, database.executemany
    run("BEGIN IMMEDIATE")
    (said,) = run("SELECT value FROM counter WHERE name='message'").fetchone()
    seq, head = run("SELECT seq, hash FROM journal_head WHERE id=1").fetchone()
    inbox, events, messages = [], [], []
    for body, order, reply, cause in zip(bodies, orders, replies, causes, strict=True):
        seq += 1
        text = json.dumps(
            {"seq": seq, "order": order, "kind": "签收", "cause": cause, "effects": _EFFECTS}, ensure_ascii=False
        )
        digest = hashlib.sha256(f"{head}\n{text}".encode()).hexdigest()
        events.append((seq, order, 2, NOW, cause, text, head, digest))
        head = digest
        stored = json.dumps([{"id": said + 2, "text": reply, "private": False, "reveal": None}], ensure_ascii=False)
        inbox.append((f"zhang/{body['message_id']}", NOW, "dispatch", "zhang", body["text"], stored))
        messages.append((said + 1, NOW, "zhang", "message", body["text"], "[]", body["message_id"]))
        messages.append((said + 2, NOW, "bot", "reply", reply, f"[{order}]", None))
        said += 2
    many(_ORDER, [(NOW, NOW, NOW, order) for order in orders])
    many(_MET, [(NOW, order) for order in orders])
    many(_CLOCK, [(order, NOW, DUE) for order in orders])
    many(_LEFT, [(NOW, order) for order in orders])
    many(_STAY, [(order, NOW) for order in orders])
    many(_SAID, messages)
    many(_INBOX, inbox)
    many(_UNSET, [(order, kind) for order in orders for kind in ("签收", "派单")])
    many(_TIMER, [(order, DUE) for order in orders])
    run("UPDATE counter SET value=? WHERE name='message'", (said,))
    many(_EVENT, events)
    run("UPDATE journal_head SET seq=?, hash=? WHERE id=1", (seq, head))
    run("COMMIT")
    return replies


_EFFECTS = [
    {
        "t": "orders",
        "k": [1],
        "was": {"state": "待签收", "signed_at": None},
        "now": {"state": "待派单", "signed_at": NOW},
    },
    {"t": "clock", "k": [1, "签收", 0], "was": {"met_at": None}, "now": {"met_at": NOW}},
    {"t": "clock", "k": [1, "派单", 0], "was": None, "now": {"started_at": NOW, "due_at": DUE, "basis": "自签收"}},
    {"t": "stay", "k": [1, 1], "was": {"until": None}, "now": {"until": NOW}},
    {"t": "stay", "k": [1, 2], "was": None, "now": {"state": "待派单", "since": NOW}},
]


async def _serve(path: str, port: int) -> None:
    writer = Writer(path, asyncio.get_running_loop())

    async def post(request: web.Request) -> web.Response:
        body = json.loads(await request.read())
        reply = await writer.write(body)
        answer = {"message_id": body["message_id"], "replies": [{"id": 1, "text": reply, "private": False}]}
        return web.json_response(answer)

    async def ready(request: web.Request) -> web.Response:
        return web.Response()

    app = web.Application()
    app.router.add_post("/console/messages", post)
    app.router.add_get("/readyz", ready)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], int(os.environ["BENCH_PORT"])))
