"""What stands in deploy/ is what its README and the program promise of it."""

import configparser
import re
from pathlib import Path

DEPLOY = Path(__file__).resolve().parent.parent / "deploy"


def unit() -> configparser.ConfigParser:
    """The service's unit file; of a key that stands several times the last counts."""
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string((DEPLOY / "jiesu.service").read_text(encoding="utf-8"))
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
