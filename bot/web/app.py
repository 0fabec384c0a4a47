"""The aiohttp application of one office, and serving it until told to stop."""

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from typing import Any

from aiohttp import web

from bot.service import Service, background, running
from bot.supervisor import supervised
from bot.web import health, order_page, orders
from bot.web.keys import SERVICE
from bot.web.middleware import LARGEST_BODY, guard
from config.errors import ConfigError, reason
from handlers.office import Office

SHUTDOWN_SECONDS = 10.0


def application(service: Service) -> web.Application:
    """Every route of the public surface; the console only where it is enabled."""
    app = web.Application(middlewares=[guard], client_max_size=LARGEST_BODY)
    app[SERVICE] = service
    app.on_shutdown.append(_let_go)
    app.router.add_get("/healthz", health.alive)
    app.router.add_get("/readyz", health.ready)
    app.router.add_get("/metrics", health.show_metrics)
    app.router.add_post("/api/orders", orders.post_orders)
    for platform in service.platforms.values():
        platform.add_routes(app)
    if service.hub is not None:
        app.router.add_get("/orders/{source}/{number}", order_page.order_page)
        app.router.add_get("/orders/{source}/{number}/attachments/{id}", order_page.attachment, allow_head=False)
    return app


async def _let_go(app: web.Application) -> None:
    app[SERVICE].let_go()


async def serve(
    office: Office,
    ready: Callable[[str], None],
    beside: Callable[[Service], Coroutine[Any, Any, None]] | None = None,
) -> None:
    """Run the office until SIGTERM or SIGINT; `ready` is called with the address once requests are taken.

    `beside` runs along and is cancelled at the end: a rehearsal's orders come in that way.
    Raises ConfigError when the address cannot be used.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with running(office) as service:
        runner = web.AppRunner(application(service), access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
        await runner.setup()
        try:
            http = office.settings.http
            try:
                site = web.TCPSite(runner, http.host, http.port)
                await site.start()
            except OSError as error:
                raise ConfigError(
                    f"地址 {http.host}:{http.port} 用不了（{reason(error)}）："
                    "换一个端口（JIESU_HTTP__PORT），或停掉占用它的程序"
                ) from error
            port = runner.addresses[0][1]
            ready(f"http://{http.host}:{port}")
            async with background(beside(service) if beside else stop.wait()), supervised(service, os.environ):
                await stop.wait()
        finally:
            await runner.cleanup()
