"""Every request: an id, a count, headers that keep browsers honest, and an answer in one Chinese line when it fails."""

import html
import json
import re
import uuid
from collections.abc import Awaitable, Callable

from aiohttp import web
from loguru import logger

from bot import metrics
from storage.errors import StoreError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

LARGEST_BODY = 1024 * 1024
"""Bytes that a request body may have."""

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob:; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'self'",
    "Cache-Control": "no-store",
}
_GIVEN_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_REFUSED = {
    400: "请求不对",
    401: "口令不对或没有给出",
    403: "不允许从这里访问",
    404: "没有这个地址",
    405: "不支持这种请求方法",
    413: "内容过大：一次最多 1 MiB，请分几次提交",
    415: "不支持这种内容类型",
}


class Refused(web.Response):
    """An error answer: `{"error": …}`, and for somebody who opened the address in a browser a page that says it."""

    def __init__(self, status: int, message: str) -> None:
        body = json.dumps({"error": message}, ensure_ascii=False)
        super().__init__(status=status, text=body, content_type="application/json")
        self._message = message

    def page(self) -> web.Response:
        """The same for eyes."""
        text = _PAGE.format(html.escape(self._message))
        return web.Response(status=self.status, text=text, content_type="text/html")


_PAGE = """<!doctype html>
<html lang="zh-CN">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>打不开</title>
<link rel="stylesheet" href="/static/console/theme.css">
<link rel="stylesheet" href="/static/console/order.css">
<main><h1>打不开</h1><p>{}</p></main>
</html>
"""


def refusal(status: int, message: str) -> web.Response:
    """An error answer that says in one Chinese line what is wrong."""
    return Refused(status, message)


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Wrap every handler: nobody ever sees a traceback, and the id in the answer is the id in the log."""
    given = request.headers.get("X-Request-ID", "")
    number = given if _GIVEN_ID.fullmatch(given) else uuid.uuid4().hex[:12]
    with logger.contextualize(request=number):
        response = await _answer(request, handler, number)
    if isinstance(response, Refused) and "text/html" in request.headers.get("Accept", ""):
        response = response.page()
    if not response.prepared:
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers["X-Request-ID"] = number
    resource = request.match_info.route.resource
    route = "none" if resource is None else resource.canonical
    metrics.REQUESTS.labels(route, str(response.status)).inc()
    return response


async def _answer(request: web.Request, handler: Handler, number: str) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        # what was refused may know better than its status
        said = getattr(error, "refusal", None) or _REFUSED.get(error.status, f"请求没有成功（{error.status}）")
        return refusal(error.status, said)
    except StoreError as error:
        logger.warning("store: {}", error)
        return refusal(503, str(error))
    except Exception:  # noqa: BLE001 - the last line of defence: logged whole, answered with its id
        logger.exception("fault in {} {}", request.method, request.path)
        return refusal(500, f"系统出错，没有改动任何内容。请稍后再试，或把编号 {number} 告诉系统管理员")
