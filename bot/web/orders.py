"""`POST /api/orders`: one order or a list, as JSON (interface, section HTTP)."""

import hmac
import json
from typing import Any

from aiohttp import web

from bot import metrics
from bot.service import Service
from bot.web.body import BadBody, read_json
from bot.web.keys import SERVICE
from bot.web.middleware import refusal
from handlers.intake.accept import Accepted, Result
from handlers.intake.orders import IncomingOrder, RejectedRow
from handlers.intake.register import take_in
from handlers.intake.rows import from_mapping
from storage.store import Job, Unit

_LISTS = {Result.NEW: "accepted", Result.UNCHANGED: "unchanged", Result.CHANGED: "changed"}


async def post_orders(request: web.Request) -> web.Response:
    """Take the orders in, each on its own; all that are accepted are durable when this answers."""
    service = request.app[SERVICE]
    token = service.office.settings.intake.token
    if token is None:
        return refusal(401, "接口没有开放：请先设置 JIESU_INTAKE__TOKEN")
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(
        given.strip().encode(errors="replace"), token.get_secret_value().encode()
    ):
        return refusal(401, "口令不对或没有给出：请用 Authorization: Bearer 口令")
    try:
        body = read_json(await request.read())
    except BadBody as error:
        return refusal(400, str(error))
    if not isinstance(body, dict | list):
        return refusal(400, "应为一件工单（对象）或若干件工单（数组）")
    entries = body if isinstance(body, list) else [body]
    rows, rejected = _sorted(entries, service.office.rules(service.clock.now()).title_noise)
    taken = await _store(service, [row for _, row in rows])
    answer: dict[str, list[Any]] = {"accepted": [], "unchanged": [], "changed": [], "rejected": rejected}
    for item in taken:
        answer[_LISTS[item.result]].append(item.order.number)
        metrics.INTAKE.labels("api", item.result.name.lower()).inc()
    status = 200 if not rejected else 207 if taken else 422
    return web.json_response(answer, status=status, dumps=_dumps)


def _sorted(entries: list[Any], noise: tuple[str, ...]) -> tuple[list[tuple[int, IncomingOrder]], list[dict[str, Any]]]:
    good: list[tuple[int, IncomingOrder]] = []
    rejected: list[dict[str, Any]] = []
    seen: dict[tuple[str, str], int] = {}
    for index, entry in enumerate(entries):
        row = from_mapping(entry, index, noise=noise)
        if isinstance(row, RejectedRow):
            rejected.append({"index": index, "工单编号": row.number, "errors": list(row.errors)})
        elif (first := seen.setdefault((row.source, row.number), index)) != index:
            errors = [f"与第 {first} 件（从 0 数）工单编号相同"]
            rejected.append({"index": index, "工单编号": row.number, "errors": errors})
        else:
            good.append((index, row))
    return good, rejected


async def _store(service: Service, rows: list[IncomingOrder]) -> list[Accepted]:
    if not rows:
        return []
    office, now = service.office, service.clock.now()

    def work(unit: Unit) -> list[Accepted]:
        return unit.attempt(lambda scope: take_in(office, scope, rows, origin="接口"))

    return await service.desk.run(Job(work, now=now, cause="api"))


def _dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
