"""WeCom 企业微信: group robots, and the 智能机器人 by WebSocket or by encrypted HTTP callback."""

from bot.platforms.wecom.platform import connect

__all__ = ["connect"]
