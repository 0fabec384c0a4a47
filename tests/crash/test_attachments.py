"""kill -9 while pictures are being stored: what was acknowledged opens, the rest is stored whole or not at all."""

import asyncio
import contextlib
import hashlib
import io
import stat
from pathlib import Path

import aiohttp
import pytest

from handlers.attachments import open_recorded
from handlers.office import Office
from handlers.work import Place, Work
from storage.store import Job, Store
from storage.tables import Attachment, AttachmentFile
from storage.verify import verify
from tests.crash.house import TOKEN, Crash, House
from tests.handlers.sample_files import png
from tests.street import Street

NUMBER = "热线-260601-000001"
LARGE = 1 << 19
"""Many pages of the database and of its log."""


@pytest.fixture(params=["sqlite", "postgresql"])
def office(request: pytest.FixtureRequest) -> House:
    """An office on each database that has not been started."""
    found: House = request.getfixturevalue(f"on_{request.param}")
    return found


async def test_a_picture_that_was_acknowledged_is_there_and_none_is_half_there(office: House) -> None:
    acknowledged: dict[str, bytes] = {}
    sent: dict[str, bytes] = {}
    for crash in (("batch.before_write", 12), ("batch.before_commit", 12), ("batch.after_commit", 12), None):
        await _pictures(office, crash, sent, acknowledged)
    assert acknowledged
    assert sent.keys() > acknowledged.keys()
    await office.start()
    assert await office.ready(), office.log()
    for name in [name for name in sent if name not in acknowledged]:  # as the page does when it heard nothing
        await _send(office, name, sent[name])
    await office.terminate()
    with office.store() as store:
        _whole(store, sent)


async def test_half_a_picture_leaves_nothing(office: House) -> None:
    await office.start()
    assert await office.ready(), office.log()
    await _order(office)
    before = _files(office.folder)
    arriving = asyncio.Event()

    async def half() -> object:
        yield b'--x\r\nContent-Disposition: form-data; name="person"\r\n\r\nzhang\r\n'
        yield b'--x\r\nContent-Disposition: form-data; name="group"\r\n\r\ndispatch\r\n'
        yield f'--x\r\nContent-Disposition: form-data; name="text"\r\n\r\n{NUMBER}\r\n'.encode()
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n' + _picture("half")
        arriving.set()
        await asyncio.sleep(60)  # cut off by the kill

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    sending = asyncio.ensure_future(office.http.post(f"{office.base}/console/files", data=half(), headers=headers))
    await arriving.wait()
    for _ in range(1000):
        if _written_without_a_name(office.pid):
            break
        await asyncio.sleep(0.01)
    else:
        raise AssertionError("the picture was never begun")
    await office.kill()
    sending.cancel()
    with contextlib.suppress(aiohttp.ClientError, asyncio.CancelledError, OSError):
        await sending
    assert _files(office.folder) <= before | {"jiesu.db-wal", "jiesu.db-shm", "jiesu.db-journal"}
    with office.store() as store:
        _whole(store, {})


async def _pictures(office: House, crash: Crash | None, sent: dict[str, bytes], acknowledged: dict[str, bytes]) -> None:
    """One life of the service: pictures one after the other until it ends itself, or is killed after some."""
    await office.start(crash)
    if await office.ready():
        with contextlib.suppress(aiohttp.ClientError, OSError):
            await _order(office)
            for _ in range(40 if crash else 3):
                name = f"{len(sent)}.png"
                sent[name] = _picture(name)
                await _send(office, name, sent[name])
                acknowledged[name] = sent[name]
    if crash is None:
        await office.kill()
    else:
        await office.crashed()


async def _order(office: House) -> None:
    body = [{"工单编号": NUMBER, "标题": "夜间施工", "主要内容": "夜间施工噪声", "到达时间": "2026-06-01 09:00"}]
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with office.http.post(f"{office.base}/api/orders", json=body, headers=headers) as response:
        assert response.status == 200, await response.text()


async def _send(office: House, name: str, data: bytes) -> None:
    form = aiohttp.FormData(quote_fields=False, default_to_multipart=True)
    for field, value in {"person": "zhang", "group": "dispatch", "text": NUMBER, "message_id": name}.items():
        form.add_field(field, value)
    form.add_field("file", io.BytesIO(data), filename=name, content_type="application/octet-stream")
    async with office.http.post(f"{office.base}/console/files", data=form) as response:
        answer = await response.json()
        assert response.status == 200, answer
        assert answer["replies"][0]["text"].startswith("✔"), answer


def _picture(name: str) -> bytes:
    """A picture with so much behind it that it fills many pages, different for each name."""
    return png() + hashlib.shake_256(name.encode()).digest(LARGE)


def _whole(store: Store, sent: dict[str, bytes]) -> None:
    """Each picture once, as it was sent; no bytes beside them, and the journal agrees."""
    street = Street(store)
    office: Office = street.office
    actor = office.organisation.person("zhang")
    assert actor is not None
    kept = street.rows(Attachment)
    assert sorted(item.name for item in kept) == sorted(sent)
    assert len(street.rows(AttachmentFile)) == len(kept)
    for item in kept:
        job = Job(
            lambda unit, item=item: unit.attempt(
                lambda scope: _opened(Work(office, scope, actor, Place("@zhang")), item)
            ),
            now=street.now,
            actor="zhang",
        )
        assert store.run(job) == sent[item.name]
    with store.connect() as connection:
        assert verify(connection).problems == []


def _opened(work: Work, item: Attachment) -> bytes:
    return open_recorded(work, work.order(item.order_id), item.n, item.part)[1]


def _files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def _written_without_a_name(pid: int) -> bool:
    """Whether the process holds an open file that has bytes and no name."""
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            state = link.stat()
            if state.st_nlink == 0 and state.st_size > LARGE // 2 and stat.S_ISREG(state.st_mode):
                return True
    return False
