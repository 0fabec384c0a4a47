"""Feishu 飞书: custom robots, and an app's bot with cards, by long connection or by HTTP."""

from bot.platforms.feishu.platform import connect

__all__ = ["connect"]
