"""What stands in deploy/ is what its README and the program promise of it."""

import configparser
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"


def unit(name: str = "jiesu.service") -> configparser.ConfigParser:
    """A unit file; of a key that stands several times the last counts."""
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string((DEPLOY / name).read_text(encoding="utf-8"))
    return parser


def test_the_unit_is_watched_and_leaves_no_memory_behind() -> None:
    service = unit()["Service"]
    watched = {"Type": "notify", "NotifyAccess": "main", "WatchdogSec": "60", "Restart": "on-failure"}
    promised = watched | {"LimitCORE": "0"}
    assert {key: service.get(key) for key in promised} == promised
    assert "AF_UNIX" in service["RestrictAddressFamilies"].split(), "the manager is told over such a socket"


def test_the_unit_is_hardened() -> None:
    service = unit()["Service"]
    assert service["User"] == "jiesu"
    assert service["ProtectSystem"] == "strict"
    assert service["UMask"] == "0077"
    assert {service[key] for key in ("NoNewPrivileges", "PrivateTmp", "PrivateDevices", "ProtectHome")} == {"yes"}
    assert service["CapabilityBoundingSet"] == ""


def test_the_nightly_backup_runs_as_the_service_and_may_write_to_its_folders_only() -> None:
    backup, service = unit("jiesu-backup.service")["Service"], unit()["Service"]
    same = ("User", "Group", "EnvironmentFile", "UMask", "LimitCORE", "ProtectSystem", "NoNewPrivileges")
    assert {key: backup[key] for key in same} == {key: service[key] for key in same}
    environment = dict(pair.split("=", 1) for pair in backup["Environment"].split())
    assert backup["ReadWritePaths"].split() == [environment["BACKUP"], "/var/lib/jiesu"]
    assert environment["TZ"] == "Asia/Shanghai", "the day in a backup's name"
    assert unit("jiesu-backup.timer")["Timer"]["OnCalendar"].endswith("Asia/Shanghai")


def test_every_file_of_the_folder_is_in_its_readme() -> None:
    readme = (DEPLOY / "README.md").read_text(encoding="utf-8")
    assert [path.name for path in DEPLOY.iterdir() if path.stem not in f"README {readme}"] == []


def test_the_container_runs_as_nobody_special_and_writes_only_to_its_volume() -> None:
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    last = [line.split(maxsplit=1) for line in text.rpartition("FROM ")[2].splitlines()[1:] if line.strip()]
    steps = [(step[0], step[1]) for step in last if step[0].isupper()]
    names = [name for name, _ in steps]
    assert dict(steps)["USER"] == "jiesu"
    assert names.index("USER") < names.index("ENTRYPOINT")
    assert not {"RUN", "COPY", "ADD"} & set(names[names.index("USER") :]), "nothing is installed as who runs it"
    assert re.search(r"useradd .*--uid 10001 .*jiesu", text)
    data = dict(steps)["VOLUME"]
    environment = dict(re.findall(r"(\w+)=(\S+)", dict(steps)["ENV"]))
    assert environment["JIESU_DATA_DIR"] == data
    assert environment["PYTHONDONTWRITEBYTECODE"] == "1"


INSTALLING = re.compile(r"pip (?:install|wheel) [^&\n]*")


@pytest.mark.parametrize("name", ["deploy/Dockerfile", "deploy/README.md", "Makefile"])
def test_nothing_is_installed_that_no_lock_pins(name: str) -> None:
    """But for uv itself in the Makefile, which is what reads the locks there."""
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    found = [line.rstrip() for line in INSTALLING.findall(text)]
    assert found
    for line in found:
        locked = "--require-hashes" in line
        ours = "--no-deps" in line and ("--no-build-isolation" in line or line.endswith(".whl"))
        assert locked or ours or line.endswith("--disable-pip-version-check uv"), line


def test_every_lock_has_hashes_and_names_no_host() -> None:
    locks = sorted(ROOT.glob("requirements*.lock"))
    assert {"requirements.lock", "requirements-build.lock"} <= {lock.name for lock in locks}
    for lock in locks:
        text = lock.read_text(encoding="utf-8").replace("\\\n", " ")
        pinned = [line for line in text.splitlines() if line[:1].isalnum()]
        assert all("==" in line and "--hash=sha256:" in line for line in pinned), lock.name
        assert "://" not in text


def test_the_image_is_given_every_file_that_it_copies() -> None:
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    copied = [
        word
        for line in text.splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for word in line.split()[1:-1]
    ]
    given = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert copied
    assert all(f"!{name}" in given and (ROOT / name).exists() for name in copied)
