"""The two foreign implementations that our side of WeCom is held against: wechatpy's crypto, the official aibot client.

Both were written for older Pythons and libraries; their warnings are theirs.
"""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import aibot.ws
    from aibot import WSClient, WSClientOptions
    from aibot.crypto_utils import decrypt_file
    from wechatpy.crypto import _get_signature as signature_of
    from wechatpy.enterprise.crypto import PrpCrypto, WeChatCrypto

__all__ = ["PrpCrypto", "WSClient", "WSClientOptions", "WeChatCrypto", "decrypt_file", "signature_of"]

# a gateway on this machine speaks without TLS
aibot.ws._SSL_CONTEXT = None
