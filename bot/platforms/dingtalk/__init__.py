"""DingTalk 钉钉: custom robots of groups, and an app whose robot takes commands by Stream mode or by HTTP callback.

The government edition (专有钉钉) takes the same robots at another host: its address, or `oapi_base`, names it.
"""

from bot.platforms.dingtalk.platform import connect

__all__ = ["connect"]
