"""What a file is: by its content, whatever its name says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.attachments import examined
from handlers.filetypes import TYPES, name_of, recognise
from handlers.refusal import Refusal
from tests.handlers.sample_files import KEPT, REFUSED


def test_every_kind_that_is_kept_has_a_sample() -> None:
    assert set(KEPT) == set(TYPES)


@pytest.mark.parametrize("ending", KEPT)
def test_known_by_its_content(ending: str) -> None:
    assert recognise(KEPT[ending]).ending == ending


@pytest.mark.parametrize("what", REFUSED)
def test_refused_with_its_reason(what: str) -> None:
    data, word = REFUSED[what]
    with pytest.raises(Refusal, match=word):
        recognise(data)


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"MZ\x90\x00\x03", "程序"),
        (b"MZ,1,2\n", None),
        (b"\x7fELF\x02", "程序"),
        (b"PK\x05\x06", "压缩包"),
        (b"{\\rtf1", "RTF 文档"),
        (b"\x89PNG cut off", "PNG 图片"),
        (KEPT["bmp"], "BMP 图片"),
        (KEPT["mp4"], "MP4 视频"),
        ("工单编号,标题\n".encode(), None),
    ],
)
def test_named_by_its_first_bytes(head: bytes, name: str | None) -> None:
    assert name_of(head) == name


@given(st.sampled_from(sorted(KEPT)), st.sampled_from(sorted(TYPES)))
def test_the_name_decides_nothing(ending: str, named: str) -> None:
    kind = examined(f"照片.{named}", KEPT[ending]).kind

    assert kind is not None
    assert kind.ending == ending


@given(
    st.binary(min_size=8, max_size=400).filter(lambda data: any(byte < 9 or byte == 0x7F for byte in data)),
    st.sampled_from(sorted(TYPES)),
)
def test_random_bytes_are_nothing_by_any_name(data: bytes, named: str) -> None:
    assert examined(f"照片.{named}", data).kind is None


@given(st.randoms(use_true_random=False), st.integers(64, 2000))
def test_noise_is_no_text(random: object, size: int) -> None:
    assert examined("说明.txt", random.randbytes(size)).kind is None  # type: ignore[attr-defined]


@given(st.sampled_from(sorted(KEPT)), st.binary(max_size=3))
def test_a_head_alone_is_no_file(ending: str, rest: bytes) -> None:
    """Two or four bytes that begin like a picture are in every tenth thousandth file."""
    kind = examined("照片", KEPT[ending][:4] + rest).kind

    assert kind is None or kind.ending == "txt"


@pytest.mark.parametrize("text", ["联系不上", "Hello, world", "名称,数量\n路灯,3\n", "完成✔"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_text_in_the_encodings_of_office_computers(text: str, encoding: str) -> None:
    if encoding in ("gb18030", "utf-16") and "✔" in text:
        return
    assert recognise(text.encode(encoding)).ending == "txt"


@pytest.mark.parametrize("name", ["清理.bat", "清理.VBS", "页面.htm", "a.js", "settings.toml", "图.svg"])
def test_a_text_that_would_be_run_is_refused_by_its_ending(name: str) -> None:
    assert "不收" in examined(name, b"echo hello\r\n").refused


@given(st.binary(max_size=300))
def test_never_a_fault(data: bytes) -> None:
    for head in (
        b"",
        b"PK\x03\x04",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        b"ID3\x03\x00\x00",
        b"BM",
        b"%PDF-1.4",
        b"\xff\xfb",
    ):
        examined("x", head + data)
