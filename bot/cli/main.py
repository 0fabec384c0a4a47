"""The commands of `jiesu`, and how their failures are told."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel, ValidationError

import config
from bot.cli.context import Context, say
from config.errors import ConfigError, reason
from config.problems import problem_text
from handlers.refusal import Refusal
from storage.errors import StoreError

UsageError: type[Exception] = typer.BadParameter.__mro__[1]

app = typer.Typer(
    help="接诉即办：街道 12345 工单进工作群", no_args_is_help=True, add_completion=False, rich_markup_mode=None
)
policy = typer.Typer(help="现行规则", no_args_is_help=True)
database = typer.Typer(help="数据库", no_args_is_help=True)
app.add_typer(policy, name="policy")
app.add_typer(database, name="db")

ConfigOption = Annotated[Path | None, typer.Option("--config", help="设置文件（默认当前目录的 jiesu.toml）")]


def main() -> None:
    """Entry point. Exit status: 0 good, 1 found something wrong, 2 could not be done."""
    _check_names()
    try:
        status = app(standalone_mode=False)
    except (ConfigError, StoreError, Refusal) as error:
        say(str(error))
        sys.exit(2)
    except UsageError as error:
        say(_usage(error))
        sys.exit(2)
    except (typer.Abort, KeyboardInterrupt):
        say("已中断")
        sys.exit(130)
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        say(f"读写失败{where}：{reason(error)}。请检查路径、权限和磁盘空间")
        sys.exit(2)
    sys.exit(status if isinstance(status, int) else 0)


@app.command()
def run(config_file: ConfigOption = None) -> None:
    """启动服务（SIGTERM 正常停止）"""
    from bot.cli.running import run_service

    run_service(Context.load(config_file))


@app.command()
def demo(
    port: Annotated[int, typer.Option("--port", help="网页端口，0 为任选一个空闲端口", min=0, max=65535)] = 8080,
    speed: Annotated[float, typer.Option("--speed", help="时间加快的倍数", min=0.0, max=3600.0)] = 5.0,
) -> None:
    """演练：样例街道，一天的生成工单，浏览器里的工作群"""
    from bot.cli.rehearsing import run_demo

    run_demo(port, speed)


@app.command()
def init(directory: Annotated[Path, typer.Argument(help="要写入的文件夹")]) -> None:
    """写一套带说明的设置、规则和组织文件，供修改"""
    from bot.cli.starting import write_samples

    write_samples(directory)


@app.command("import")
def import_(
    files: Annotated[list[Path], typer.Argument(help="导出文件（.xls .xlsx .csv）")],
    source: Annotated[str | None, typer.Option("--source", help="来源：市 或 区")] = None,
    takeover: Annotated[bool, typer.Option("--takeover", help="接管在办工单：不发通知，不补已过的时限")] = False,
    config_file: ConfigOption = None,
) -> None:
    """导入工单；服务运行时也可以导入"""
    from bot.cli.importing import import_files

    raise typer.Exit(import_files(Context.load(config_file), files, source, takeover=takeover))


@app.command()
def report(
    name: Annotated[str, typer.Argument(help="报表名称；list 列出全部")],
    period: Annotated[str | None, typer.Option("--period", help="期间，例如 2026-11-21")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="写到文件，扩展名决定格式（.json .csv .md）")] = None,
    config_file: ConfigOption = None,
) -> None:
    """生成报表"""
    from bot.cli.reporting import make_report

    make_report(Context.load(config_file), name, period, out)


@policy.command("show")
def policy_show(config_file: ConfigOption = None) -> None:
    """列出现行规则、来源和 ★ 默认值"""
    from bot.cli.starting import show_policy

    show_policy(Context.load(config_file))


@policy.command("check")
def policy_check(file: Annotated[Path, typer.Argument(help="规则文件")]) -> None:
    """检查一份规则文件，指出哪一行有错"""
    from bot.cli.starting import check_policy_file

    raise typer.Exit(check_policy_file(file))


@app.command()
def verify(config_file: ConfigOption = None) -> None:
    """核验事件链和投影，发现任何改动"""
    from bot.cli.checking import verify_store

    raise typer.Exit(verify_store(Context.load(config_file)))


@database.command("backup")
@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="备份写到哪个文件，不能是已有的")],
    force: Annotated[bool, typer.Option("--force", help="覆盖这个名字的旧备份")] = False,
    config_file: ConfigOption = None,
) -> None:
    """备份整个库，服务运行时也可以；办公室密钥不在其中（jiesu backup 与 jiesu db backup 相同）"""
    from bot.cli.safekeeping import backup_store

    backup_store(Context.load(config_file), file, force=force)


@database.command("restore")
@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="备份文件")],
    config_file: ConfigOption = None,
) -> None:
    """把备份恢复到空库，要先停服务；此后删除过的会重新删除（jiesu restore 与 jiesu db restore 相同）"""
    from bot.cli.safekeeping import restore_store

    raise typer.Exit(restore_store(Context.load(config_file), file))


@app.command()
def doctor(
    probe: Annotated[bool, typer.Option("--probe", help="也试连各平台，不发消息")] = False,
    send: Annotated[bool, typer.Option("--send", help="也让每个群机器人说一句“测试：…”")] = False,
    config_file: ConfigOption = None,
) -> None:
    """体检：设置、时钟、数据库、平台、磁盘、日历、文件权限"""
    from bot.cli.examining import examine

    raise typer.Exit(examine(config_file, probe=probe, send=send))


@database.command("upgrade")
def db_upgrade(config_file: ConfigOption = None) -> None:
    """把数据库升到本版本，并装回保护触发器"""
    from bot.cli.checking import upgrade_store

    upgrade_store(Context.load(config_file))


def _usage(error: Exception) -> str:
    """One Chinese line for what is wrong with the words of the command, and where to look."""
    context = getattr(error, "ctx", None)
    path = getattr(context, "command_path", "jiesu")
    if type(error).__name__ == "NoArgsIsHelpError":
        commands = " ".join(getattr(getattr(context, "command", None), "commands", {}))
        return f"{path} 后面要写做什么：{commands}。{path} --help 看说明"
    if type(error).__name__ == "MissingParameter":
        parameter = getattr(error, "param", None)
        wanted = getattr(parameter, "help", None) or getattr(parameter, "name", None) or "参数"
        return f"缺少参数：{wanted}。{path} --help 看用法"
    if isinstance(error.__cause__, ValidationError):
        wrong = problem_text(error.__cause__.errors()[0], BaseModel)
        option = next(iter(getattr(getattr(error, "param", None), "opts", ())), "参数")
        return f"用法不对：{option} {wrong}。{path} --help 看用法"
    text = str(getattr(error, "message", error))
    for english, chinese in _USAGE:
        text = text.replace(english, chinese)
    return f"用法不对：{text.rstrip('.')}。{path} --help 看用法"


_USAGE = (
    ("No such command", "没有这个命令"),
    ("No such option", "没有这个选项"),
    ("Missing argument", "缺少参数"),
    ("Missing option", "缺少选项"),
    ("Missing command", "缺少子命令"),
    ("Got unexpected extra argument(s)", "多了参数"),
    ("Got unexpected extra argument", "多了参数"),
    ("Option '", "选项 '"),
    ("requires an argument", "后面要写值"),
    ("does not take a value", "后面不写值"),
    ("Did you mean", "是否想写"),
)


def _check_names() -> None:
    """Our top-level names are common ones; another package's `config` must not answer in our place."""
    ours = Path(__file__).resolve().parent.parent.parent
    found = Path(config.__file__ or "").resolve()
    if ours not in found.parents:
        say(f"环境里另有一个名为 config 的包（{found}），挡住了本程序的：请在单独的虚拟环境中安装 jiesu")
        sys.exit(2)
