"""`/healthz`, `/readyz`, `/metrics`."""

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from bot import metrics
from bot.connections import State
from bot.web.keys import SERVICE
from storage import outbox
from storage.queries import head


async def alive(request: web.Request) -> web.Response:
    """The process answers."""
    return web.json_response({"status": "ok"})


async def ready(request: web.Request) -> web.Response:
    """Store, scheduler and delivery each completed a cycle lately; else 503 and which did not.

    `platforms` tells how the bots' connections stand; a lost one makes nothing unready: it is being made again.
    """
    service = request.app[SERVICE]
    checks = await service.readiness()
    good = all(checks.values())
    words = {name: "ok" if state else "没有按时完成一轮" for name, state in checks.items()}
    told = {"status": "ok" if good else "not ready", "checks": words, "platforms": service.connections.states()}
    return web.json_response(told, status=200 if good else 503)


async def show_metrics(request: web.Request) -> web.Response:
    """Prometheus text."""
    service = request.app[SERVICE]
    counts = await service.desk.read(outbox.counts, service.clock.now())
    for state in outbox.Status:
        metrics.OUTBOX.labels(state).set(counts.get(state, 0))
    for platform, connection in service.connections.states().items():
        metrics.CONNECTED.labels(platform).set(connection is State.CONNECTED)
    seq, _ = await service.desk.read(head, service.clock.now())
    metrics.JOURNAL.set(seq)
    return web.Response(body=generate_latest(metrics.REGISTRY), headers={"Content-Type": CONTENT_TYPE_LATEST})
