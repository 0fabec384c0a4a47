"""A disk without room: nothing is acknowledged that is not stored, and the work goes on once there is room again."""

import random
from pathlib import Path

from tests.crash.ending import settle
from tests.crash.house import House
from tests.crash.stream import Stream


async def test_a_full_disk_refuses_in_one_line_until_there_is_room_again(on_sqlite: House) -> None:
    house = on_sqlite
    stream = Stream(house, random.Random(1))
    stream.start()
    await house.start()
    assert await house.ready(), house.log()
    await stream.answers(15)
    for _ in range(2):
        house.largest_file(_size(house.folder / "jiesu.db-wal"))
        await stream.refusals(10)
        async with house.http.get(f"{house.base}/healthz") as response:
            assert response.status == 200
        house.largest_file(-1)
        await stream.answers(15)
    assert set(stream.refused) == {"没有存下来：磁盘读写失败。请稍后再试"}
    await house.kill()
    await settle(house, stream)


def _size(path: Path) -> int:
    return path.stat().st_size
