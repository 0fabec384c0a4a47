"""The one error of settings, policy, organisation and calendar files, and the system's errors in Chinese."""

import errno
from typing import Final


class ConfigError(Exception):
    """A file or setting is wrong. The message is one Chinese line: which key or line, what to do."""


def reason(error: OSError) -> str:
    """Why the system refused, as it stands inside a Chinese sentence; its number where we have no word for it."""
    if error.errno is None:
        return "系统错误"
    return _REASONS.get(error.errno, f"系统错误 {errno.errorcode.get(error.errno, error.errno)}")


_REASONS: Final = {
    errno.ENOENT: "没有这个文件或目录",
    errno.EACCES: "没有权限",
    errno.EPERM: "不允许这样操作",
    errno.EEXIST: "已经存在",
    errno.ENOTDIR: "路径中间有一段不是目录",
    errno.EISDIR: "是目录，不是文件",
    errno.ENOTEMPTY: "目录不是空的",
    errno.ENOSPC: "磁盘已满",
    errno.EDQUOT: "磁盘配额已用完",
    errno.EROFS: "磁盘是只读的",
    errno.EIO: "磁盘读写出错",
    errno.EBUSY: "正被占用",
    errno.EXDEV: "不在同一个磁盘上",
    errno.ENAMETOOLONG: "名字太长",
    errno.ELOOP: "链接绕成了圈",
    errno.EMFILE: "打开的文件太多",
    errno.EADDRINUSE: "已被别的程序占用",
    errno.EADDRNOTAVAIL: "不是本机的地址",
}
