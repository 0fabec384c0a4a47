"""What the sender of a file is told that could not be fetched: the same on every platform."""

from bot.platforms.posting import NoReply, Reply


def lost(platform: str, why: str) -> str:
    """`IncomingFile.lost`: stands behind the file's name."""
    return f"没有从{platform}取到（{why}），请再发一次"


def reason(reply: Reply | NoReply) -> str:
    """Why a request brought no whole file."""
    if isinstance(reply, NoReply):
        return reply.reason
    return "传到一半断了" if reply.status == 200 else f"对方回答 HTTP {reply.status}"
