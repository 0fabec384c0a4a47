"""One order's page and its files: `GET /orders/市/工单编号` and `…/attachments/ID` (interface, section HTTP).

Only in a rehearsal, until there is a sign-in: `?person=ID` says who looks. Opening a file is an event.
"""

from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa
from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from bot.web.keys import SERVICE
from bot.web.middleware import refusal
from config.organisation import Person
from config.shanghai import full_text, local
from handlers import attachments
from handlers.order_file import OrderFile, order_file
from handlers.refusal import Refusal
from handlers.work import Place, Work
from storage.columns import table
from storage.store import Job, Unit
from storage.tables import Attachment, OrderTable
from storage.transaction import Scope

_NOT_FOUND = "没有这件工单：请核对来源（市、区）和工单编号"
_PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).parent, encoding="utf-8"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
_PAGES.filters.update(full=full_text, iso=lambda at: local(at).isoformat(timespec="seconds"))
_CLOSED = "网页登录尚未提供：工单页面只在演练中可看"


async def order_page(request: web.Request) -> web.Response:
    """The order's file, as much of it as /查 shows to this person."""
    person = _reader(request)
    if isinstance(person, web.Response):
        return person
    service = request.app[SERVICE]

    def read(scope: Scope) -> OrderFile | None:
        order = _find(request, scope)
        if order is None:
            return None
        work = Work(service.office, scope, person, Place(f"@{person.id}"))
        return order_file(work, work.order(order))

    now = service.clock.now()
    file = await service.desk.read(read, now)
    if file is None:
        return refusal(404, _NOT_FOUND)
    page = _PAGES.get_template("order_page.html")
    text = page.render(file=file, now=now, address=lambda held: _address(request, held, person))
    return web.Response(text=text, content_type="text/html")


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
