"""One order's page and its files: `GET /orders/市/工单编号` and `…/attachments/ID` (interface, section HTTP).

Only in a rehearsal, until there is a sign-in: `?person=ID` says who looks. Opening a file is an event.
"""

from html import escape
from urllib.parse import quote

import sqlalchemy as sa
from aiohttp import web

from bot.web.keys import SERVICE
from bot.web.middleware import refusal
from config.organisation import Person
from handlers import attachments
from handlers.order_sheet import sees_details, sheet
from handlers.refusal import Refusal
from handlers.work import Place, Work
from storage.columns import table
from storage.store import Job, Unit
from storage.tables import Attachment, OrderTable
from storage.transaction import Scope

_NOT_FOUND = "没有这件工单：请核对来源（市、区）和工单编号"
_CLOSED = "网页登录尚未提供：工单页面只在演练中可看"


async def order_page(request: web.Request) -> web.Response:
    """The order as /查 shows it to this person, and links to its files."""
    person = _reader(request)
    if isinstance(person, web.Response):
        return person
    service = request.app[SERVICE]

    def read(scope: Scope) -> str | None:
        order = _find(request, scope)
        if order is None:
            return None
        work = Work(service.office, scope, person, Place(f"@{person.id}"))
        held = scope.rows(Attachment, order) if sees_details(work, work.order(order)) else []
        links = [
            f'<li><a href="{escape(_address(request, each, person))}" rel="noopener">{escape(each.name)}</a> '
            f"{escape(attachments.described(work, each).partition(' · ')[2])}</li>"
            for each in held
        ]
        return _PAGE.format(
            title=escape(f"#{order}"),
            body=escape(sheet(work, work.order(order))),
            files=f"<h2>打开附件（会记录谁在何时打开）</h2><ul>{''.join(links)}</ul>" if links else "",
        )

    text = await service.desk.read(read, service.clock.now())
    return refusal(404, _NOT_FOUND) if text is None else web.Response(text=text, content_type="text/html")


async def attachment(request: web.Request) -> web.Response:
    """A file of the order, once its opening is recorded. Pictures are shown, everything else is saved."""
    person = _reader(request)
    if isinstance(person, web.Response):
        return person
    n, _, part = request.match_info["id"].partition("-")
    if not (n.isdecimal() and part.isdecimal() and len(n) + len(part) < 18):
        return refusal(404, "没有这个附件")
    service = request.app[SERVICE]

    def open_(scope: Scope) -> tuple[Attachment, bytes] | None:
        order = _find(request, scope)
        if order is None:
            return None
        work = Work(service.office, scope, person, Place(f"@{person.id}"))
        return attachments.open_recorded(work, work.order(order), int(n), int(part))

    def work(unit: Unit) -> tuple[Attachment, bytes] | None:
        return unit.attempt(open_)

    try:
        found = await service.desk.run(Job(work, now=service.clock.now(), actor=person.id, cause="web"))
    except Refusal as refused:
        return refusal(403, refused.message)
    if found is None:
        return refusal(404, _NOT_FOUND)
    held, data = found
    kind = attachments.kind_of(held)
    how = "inline" if kind.picture else "attachment"
    return web.Response(
        body=data,
        headers={
            "Content-Type": kind.media,
            "Content-Disposition": f"{how}; filename=\"file.{kind.ending}\"; filename*=UTF-8''{quote(held.name)}",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Cache-Control": "no-store",
        },
    )


def _reader(request: web.Request) -> Person | web.Response:
    service = request.app[SERVICE]
    if not service.office.store.rehearsal or service.hub is None:
        return refusal(403, _CLOSED)
    if request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
        return refusal(403, "请求来自别的网站，不予受理")
    person = service.office.organisation.person(request.query.get("person", ""))
    return person or refusal(404, "请写明谁在看：地址后加 ?person=人员编号")


def _find(request: web.Request, scope: Scope) -> int | None:
    orders = table(OrderTable)
    place = request.match_info
    same = (orders.c.source == place["source"], orders.c.number == place["number"])
    found = scope.connection.execute(sa.select(orders.c.id).where(*same)).scalar_one_or_none()
    return None if found is None else int(found)


def _address(request: web.Request, held: Attachment, person: Person) -> str:
    place = request.match_info
    path = f"/orders/{quote(place['source'])}/{quote(place['number'])}/attachments/{held.n}-{held.part}"
    return f"{path}?person={quote(person.id)}"


_PAGE = """<!doctype html>
<html lang="zh-CN"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>工单 {title}</title>
<link rel="stylesheet" href="/static/console/order.css"></head>
<body><main><pre>{body}</pre>{files}</main></body></html>
"""
