"""Matrix: the bot's account on a home server. Commands come by `/sync`, messages leave under transaction ids that the
server takes only once, so that nothing has to be doubted here."""

from bot.platforms.matrix.platform import connect

__all__ = ["connect"]
