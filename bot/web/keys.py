"""What the web handlers need, by typed key."""

from aiohttp import web

from bot.service import Service

SERVICE: web.AppKey[Service] = web.AppKey("service", Service)
