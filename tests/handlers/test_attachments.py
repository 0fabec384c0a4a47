"""附件: kept with the order that is meant, sealed under its key, listed in /查."""

from functools import partial

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from handlers import attachments
from handlers.erasing import erase
from handlers.refusal import Refusal
from handlers.work import Place, Work
from storage import verify
from storage.columns import table
from storage.errors import StoreError
from storage.store import Job
from storage.tables import Attachment, AttachmentFile, Inbox
from storage.vault import VaultError
from tests.handlers.sample_files import KEPT, png
from tests.street import CALLER, PHONE, TO, Street, row

PICTURE = {"现场照片.png": png()}


def opened(street: Street, person: str = "zhang", n: int | None = None, part: int = 1, order: int = 1) -> bytes:
    """Open a file as a person does on the page."""
    n = street.rows(Attachment, order)[-1].n if n is None else n
    office = street.office
    actor = office.organisation.person(person)
    assert actor is not None

    def work(scope):  # type: ignore[no-untyped-def]
        work = Work(office, scope, actor, Place(f"@{person}"))
        return attachments.open_recorded(work, work.order(order), n, part)[1]

    return street.store.run(Job(lambda unit: unit.attempt(work), now=street.now, actor=person))


def problems(street: Street) -> list[str]:
    with street.store.connect() as connection:
        return verify.verify(connection).problems


def test_a_picture_sent_with_a_quoted_notice_is_kept_and_listed(street: Street) -> None:
    street.import_rows(row())
    street.deliver()
    notice = street.notices().only("new_order")

    reply = street.say("zhang", "", quote=notice, files=PICTURE)

    assert reply.splitlines() == ["✔ 【#1】已存入 1 个附件，现共 1 个", "现场照片.png · PNG 图片 · 67 字节"]
    assert "附件：\n现场照片.png · PNG 图片 · 67 字节 · 张坐席" in street.say("zhang", "/查 1")
    assert "附件 现场照片.png" in street.say("zhang", "/查 1")
    assert street.event()["kind"] == "附件"
    assert opened(street) == png()
    assert street.events() == ["登记", "附件", "打开附件"]
    street.check()


@pytest.mark.parametrize("text", ["1 现场照片", "#1", "热线-260601-000001 现场", "#1，井盖", "/核查 1 现场无人"])
def test_the_text_may_name_the_order(one: Street, text: str) -> None:
    assert "【#1】已存入 1 个附件" in one.say("zhang", text, files=PICTURE)


def test_a_command_beside_files_is_carried_out_too(one: Street) -> None:
    reply = one.say("zhang", "/核查 1 现场无人", files=PICTURE)

    assert "已存入 1 个附件" in reply
    assert "✔ 【#1】已记核查" in reply or "核查" in reply
    assert one.events() == ["登记", "附件", "核查"]
    before = one.rows(Attachment)
    assert before
    assert one.say("zhang", "/撤回").count("撤回") >= 2
    assert one.rows(Attachment) == []
    assert problems(one) == []


@pytest.mark.parametrize("text", ["现场照片", "", "看看这个"])
def test_without_an_order_one_line_tells_what_to_do(one: Street, text: str) -> None:
    reply = one.say("zhang", text, files=PICTURE)

    assert reply.startswith("✘ 没有说是哪件工单")
    assert len(reply.splitlines()) == 1
    assert one.rows(AttachmentFile) == []


def test_several_orders_are_asked_about(street: Street) -> None:
    street.import_rows(row(1), row(2))

    assert "一次只能存进一件" in street.say("zhang", "/签收 1 2", files=PICTURE)
    assert "好几件" in street.say("zhang", "1-2 现场", files=PICTURE)
    assert "没有工单 #7" in street.say("zhang", "7 现场", files=PICTURE)
    assert street.rows(Attachment) == []


@pytest.mark.parametrize(
    ("person", "may"), [("zhang", True), ("wang", True), ("liu", False), ("gao", False), ("zheng", False)]
)
def test_seats_and_the_orders_own_departments(one: Street, person: str, may: bool) -> None:
    one.through(1, *TO["办理中"])

    reply = one.say(person, "1", files=PICTURE)

    assert reply.startswith("✔" if may else "✘ 【#1】没有存入附件")
    assert len(one.rows(Attachment)) == may


def test_an_assisting_department_may_too(one: Street) -> None:
    one.through(1, "签收")
    one.say("zhang", "/派单 1 城管科+物业科")
    (helper,) = (each.id for each in one.organisation.people if each.id == "liu")

    assert one.say(helper, "1", files=PICTURE).startswith("✔") or one.order(1).assisting == ()


def test_a_closed_order_takes_none(one: Street) -> None:
    one.through(1, *TO["已结案"])

    assert "不再收附件，要补材料请先由综合科 /重开" in one.say("zhang", "1", files=PICTURE)


def test_the_same_bytes_again_are_not_kept_twice(one: Street) -> None:
    one.say("zhang", "1", files=PICTURE)

    reply = one.say("zhang", "1", files={"又一次.jpg": png()})

    assert reply.splitlines() == ["✘ 【#1】没有存入附件", "又一次.png：已经存过（现场照片.png，张坐席），没有再存"]
    assert one.events() == ["登记", "附件"]
    assert len(one.rows(AttachmentFile)) == 1


def test_the_same_message_again_changes_nothing(one: Street) -> None:
    first = one.say("zhang", "1", files=PICTURE, message_id="m1")

    assert one.say("zhang", "1", files=PICTURE, message_id="m1") == first
    assert one.events() == ["登记", "附件"]


def test_each_file_is_taken_or_refused_by_itself(one: Street) -> None:
    files = {"照片.exe": png(), "工具.jpg": b"MZ\x90\x00" + bytes(60), "记录.pdf": KEPT["pdf"]}

    lines = one.say("zhang", "1", files=files).splitlines()

    assert lines[0] == "✔ 【#1】已存入 2 个附件，现共 2 个"
    assert lines[1] == "照片.png · PNG 图片 · 67 字节（原名写作 .exe，按内容改正）"
    assert lines[2] == "✘ 工具.jpg：是程序，不收"
    assert lines[3].startswith("记录.pdf · PDF 文档")
    one.check()


def test_the_office_decides_how_much(one: Street) -> None:
    count = one.office.rules(one.now).attachments.count
    one.say("zhang", "1", files={f"{number}.png": png(number) for number in range(count)})

    reply = one.say("zhang", "1", files={"多.png": png(200), "大.txt": b"a" * (11 << 20)})

    assert f"✘ 多.png：这件工单的附件已满（最多 {count} 个" in reply
    assert "✘ 大.txt：超过 10 MB，不收" in reply


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd.png", "passwd.png"),
        ("C:\\照片\\门口.PNG", "门口.png"),
        ("\u202egnp.照片.png", "gnp.照片.png"),
        ("照片\n第二行\x00.png", "照片第二行.png"),
        (f"{CALLER}家门口.png", "张**家门口.png"),
        (f"{PHONE}.png", "138****0000.png"),
        ("门口.jpg.exe", "门口.png"),
        ("", "未命名.png"),
        ("....", "未命名.png"),
        ("很" * 300 + ".png", "很" * 59 + "….png"),
        ("@所有人 <b>.png", "＠所有人 _b_.png"),
    ],
)
def test_a_name_is_made_harmless(one: Street, name: str, shown: str) -> None:
    one.say("zhang", "1", files={name: png()})

    (kept,) = one.rows(Attachment)
    if PHONE in name:
        assert PHONE not in kept.name
        assert kept.name.endswith(".png")
    else:
        assert kept.name == shown
    one.check()


@given(st.text(max_size=80))
def test_no_name_holds_a_path_or_a_disguise(name: str) -> None:
    plain = attachments.plain_name(name)

    assert not set(plain) & set('/\\<>:"|?*\n\r\t\0\u202e\u200b')


def test_the_message_shows_its_files_with_masked_names(one: Street) -> None:
    one.say("zhang", "1 门口", files={f"{CALLER}{PHONE}.png": png()})

    (message,) = one.rows(Inbox)
    assert message.text.startswith("附件：张**")
    assert message.text.endswith("1 门口")
    one.check()


def test_undo_takes_the_bytes_along(one: Street) -> None:
    one.say("zhang", "1", files={**PICTURE, "二.png": png(7)})
    assert len(one.rows(AttachmentFile)) == 2

    assert one.say("zhang", "/撤回").startswith("✔")

    assert one.rows(Attachment) == []
    assert one.rows(AttachmentFile) == []
    assert problems(one) == []
    assert one.say("zhang", "1", files=PICTURE).startswith("✔")


def test_a_changed_row_of_the_source_keeps_the_files_readable(street: Street) -> None:
    street.import_rows(row())
    street.say("zhang", "1", files=PICTURE)
    street.import_rows(row(主要内容="来电人补充：门口也有。"))

    assert opened(street) == png()


def test_an_order_without_personal_data_gets_a_key(street: Street) -> None:
    street.import_rows(row(来电人="", **{"来电人电话/账号": "", "主要内容": "", "标题": ""}))
    street.say("zhang", "1", files=PICTURE)

    assert opened(street) == png()


def test_erasing_the_order_erases_its_files(one: Street) -> None:
    one.say("zhang", "1", files=PICTURE)
    one._run(lambda scope: erase(scope, scope.order(1)), "test")

    assert one.rows(AttachmentFile) == []
    assert "现场照片.png" in one.say("zhang", "/查 1")
    with pytest.raises(Refusal, match="随之删除"):
        opened(one)
    assert "不再收附件" in one.say("zhang", "1", files=PICTURE)
    assert problems(one) == []


@pytest.mark.parametrize(("person", "may"), [("gao", True), ("wang", True), ("liu", False), ("sun", False)])
def test_opening_needs_what_reveal_needs(one: Street, person: str, may: bool) -> None:
    one.through(1, *TO["办理中"])
    one.say("zhang", "1", files=PICTURE)

    if may:
        assert opened(one, person) == png()
        assert one.event()["kind"] == "打开附件"
        assert one.event()["actor"] == person
    else:
        with pytest.raises(Refusal, match="只给值班坐席、复核专员和本工单的科室打开"):
            opened(one, person)


def test_a_confidential_callers_files_are_for_who_sent_them(street: Street) -> None:
    street.import_rows(row(是否保密="是", 来电人="保密"))
    if not street.order(1).confidential:
        pytest.fail("the row is not taken as confidential")
    street.say("zhang", "1", files=PICTURE)

    assert opened(street, "zhang") == png()
    with pytest.raises(Refusal, match="要求保密，附件只有存入的人（张坐席）能打开"):
        opened(street, "gao")


def test_verify_misses_lost_changed_and_stray_bytes(one: Street) -> None:
    one.say("zhang", "1", files={"一.png": png(1), "二.png": png(2), "三.png": png(3)})
    stored = table(AttachmentFile)

    def spoil(scope):  # type: ignore[no-untyped-def]
        scope.execute(sa.delete(stored).where(stored.c.part == 1))
        scope.execute(sa.update(stored).where(stored.c.part == 2).values(sealed=b"x"))
        sealed = scope.connection.execute(sa.select(stored.c.sealed).where(stored.c.part == 3)).scalar_one()
        scope.execute(sa.update(stored).where(stored.c.part == 3).values(sealed=sealed[:-1] + bytes((sealed[-1] ^ 1,))))
        scope.execute(sa.insert(stored).values(order_id=9, n=1, part=1, wrapped_key=b"", sealed=b""))

    one._run(spoil, "test")

    found = "\n".join(problems(one))
    for words in ("“一.png”缺少内容", "“二.png”长度与记录不符", "“三.png”内容被改动过", "#9 有一个没有记录的"):
        assert words in found
    with pytest.raises((VaultError, StoreError), match="被改动"):
        opened(one, part=3)


def test_a_key_opens_only_its_own_place(one: Street) -> None:
    one.say("zhang", "1", files={"一.png": png(1), "二.png": png(2)})
    stored = table(AttachmentFile)

    def swap(scope):  # type: ignore[no-untyped-def]
        rows = {item.part: item for item in scope.connection.execute(sa.select(stored))}
        values = {"wrapped_key": rows[2].wrapped_key, "sealed": rows[2].sealed}
        scope.execute(sa.update(stored).where(stored.c.part == 1).values(**values))

    one._run(partial(swap), "test")

    with pytest.raises((VaultError, StoreError)):
        opened(one, part=1)


def test_before_a_dispatch_no_department_keeps_files(one: Street) -> None:
    reply = one.say("wang", "1 现场照片", files=PICTURE)

    assert reply.startswith("✘") and "还没有派单，科室不能存入附件：等值班坐席派单后再存" in reply
    assert one.rows(Attachment) == []
