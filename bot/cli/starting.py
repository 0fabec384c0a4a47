"""`jiesu init` and `jiesu policy`: the files that an office edits."""

from datetime import UTC, datetime
from pathlib import Path

from bot.cli.context import Context, out
from config.errors import ConfigError
from config.policy import check_policy, load_policy
from config.shanghai import day_of

SAMPLES = Path(__file__).resolve().parent.parent.parent / "config" / "sample"
FILES = ("jiesu.toml", "organisation.toml", "policy.toml")


def write_samples(directory: Path) -> None:
    """Write the starting set; a file that is already there is never overwritten. Raises ConfigError then."""
    taken = [name for name in FILES if (directory / name).exists()]
    if taken:
        raise ConfigError(f"{directory} 里已有 {'、'.join(taken)}：不会覆盖，请换一个文件夹，或先移走它们")
    directory.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        target = directory / name
        target.write_text((SAMPLES / name).read_text(encoding="utf-8"), encoding="utf-8")
        target.chmod(0o600)
        out(f"已写 {target}")
    out(f"下一步：改好 {directory / 'organisation.toml'}，再运行 jiesu run --config {directory / 'jiesu.toml'}")


def show_policy(context: Context) -> None:
    """The rules in force today, with their sources; ★ defaults say so."""
    for line in load_policy(context.settings.policy_file).describe(day_of(datetime.now(UTC))):
        out(f"{line.title}：{line.value}\n    自 {line.since}，{line.source}（{line.key}）")


def check_policy_file(file: Path) -> int:
    """Say what is wrong with a policy file; returns the exit status."""
    problems = check_policy(file)
    for problem in problems:
        out(problem)
    if not problems:
        out(f"{file}：没有发现问题")
    return 1 if problems else 0
