"""Orders whose 主办 科室 is no longer in the organisation, or has nobody left: the seats must find another."""

import pytest

from config.organisation import Organisation
from tests.handlers.test_offers import offered
from tests.handlers.test_standing import stand
from tests.street import TO, URGENT, Street, at, row, sample_organisation

LATE = "2026-06-01 08:50"
MOVE = "/改派 1 理由，再派给别的科室（主办科室已撤销或已没有人）"
WHY = "主办科室已撤销或已没有人，下一步：/改派 1 理由，再派给别的科室"
STEPS_OF_OTHERS = ("/接单", "/反馈", "/办结", "派错了")


def without(department: str, *, people_only: bool = False) -> Organisation:
    """The sample organisation without a 科室, its people and its group; or with the 科室 and nobody in it."""
    sample = sample_organisation()
    people = [person for person in sample.people if person.department != department]
    if people_only:
        kept = [
            each.model_copy(update={"head": None}) if each.id == department else each for each in sample.departments
        ]
        return Organisation(people, kept, sample.patches, sample.communities, sample.groups)
    departments = [each for each in sample.departments if each.id != department]
    groups = [each for each in sample.groups if each.department != department]
    return Organisation(people, departments, sample.patches, sample.communities, groups)


def moved(person: str, department: str) -> Organisation:
    """The sample organisation in which one person has gone to another 科室."""
    sample = sample_organisation()
    people = [
        each.model_copy(update={"department": department}) if each.id == person else each for each in sample.people
    ]
    return Organisation(people, sample.departments, sample.patches, sample.communities, sample.groups)


@pytest.fixture
def stranded(street: Street) -> Street:
    """An order that 城管科 was to accept before there was no 城管科 any more."""
    street.import_rows(row(到达时间=LATE))
    street.through(1, "签收", "派单")
    street.organisation = without("chengguan")
    street.notices()
    return street


def test_the_seats_are_called_where_the_department_is_gone(stranded: Street) -> None:
    stranded.move(at(2, "08:50"))

    told = stranded.notices()
    assert told, "响应 was due"
    assert {(notice.group, notice.people) for notice in told.of("reminder")} == {("dispatch", ("zhang", "li", "zhao"))}
    assert stranded.say("sun", "/催办 1") == "✔ 【#1】已催办（第 1 次）：张坐席、李坐席、赵坐席"
    assert stranded.told() == ["dispatch: urged #1 @zhang @li @zhao"]
    stranded.check()


@pytest.mark.parametrize("state", ["待接单", "办理中"])
def test_the_seats_are_called_where_nobody_is_left_in_the_department(street: Street, state: str) -> None:
    street.import_rows(row(到达时间=LATE))
    street.through(1, *TO[state])
    street.organisation = without("chengguan", people_only=True)
    street.notices()

    street.move(at(2, "08:50"))

    told = street.notices().of("reminder")
    assert {(notice.group, notice.people) for notice in told} == {("dispatch", ("zhang", "li", "zhao"))}


def test_they_stand_among_what_the_seats_have_to_do(stranded: Street) -> None:
    stranded.import_rows(row(2))

    answer = stranded.say("zhang", "/待办")

    assert answer.splitlines()[0] == "您的待办 2 件："
    assert "#1 " in answer
    assert answer.splitlines()[-1] == "#1 的主办科室已撤销或已没有人：/改派 1 理由，再派给别的科室"
    assert "改派" not in stranded.say("sun", "/待办")
    assert stranded.say("zhang", "/改派 1 科室已撤销").startswith("✔")
    assert "主办科室已撤销" not in stranded.say("zhang", "/待办")
    stranded.check()


def test_orders_of_a_department_with_people_are_not_the_seats(street: Street) -> None:
    street.import_rows(row(到达时间=LATE))
    street.through(1, "签收", "派单")

    assert street.say("zhang", "/待办") == "您的待办：现在没有"


@pytest.mark.parametrize("typed", ["/接单 1", "/接单 1 代 城管科", "/接单 1 代 chengguan"])
def test_nobody_is_advised_to_act_for_a_department_that_is_gone(stranded: Street, typed: str) -> None:
    assert stranded.say("zhang", typed) == (
        "✘ 【#1】主办科室 chengguan 已不在组织里，不能代它接单：/改派 1 理由，再派给别的科室"
    )
    steps = stranded.say("zhang", "/查 1").partition("下一步可以：\n")[2]
    assert steps.startswith("/改派 1 理由")
    assert "代 " not in steps
    assert "/接单" not in steps


def test_a_notice_offers_no_acceptance_to_the_seats(stranded: Street) -> None:
    stranded.say("sun", "/催办 1")

    assert offered(stranded, "urged") == {"dispatch": []}


def test_a_handler_who_went_to_another_department_is_called_no_more(street: Street) -> None:
    street.import_rows(row(到达时间=LATE))
    street.through(1, *TO["办理中"])
    street.say("wang", "/分办 1 钱队员")
    street.organisation = moved("qian", "pingan")
    street.notices()

    assert street.say("sun", "/催办 1").endswith("：王科长")
    assert street.told() == ["chengguan: urged #1 @wang"]
    street.move(at(2, "08:50"))
    assert all("qian" not in notice.people for notice in street.notices())


def test_a_handler_who_went_to_another_department_has_the_order_in_no_list(street: Street) -> None:
    street.import_rows(row(到达时间=LATE))
    street.through(1, *TO["办理中"])
    street.say("wang", "/分办 1 钱队员")
    stand(street, at(1, "18:00"))
    assert "#1 " in street.say("qian", "/我的")
    street.organisation = moved("qian", "pingan")

    lists = stand(street, at(2, "08:30")).of("morning_list")

    assert [notice.group for notice in lists if "#1 " in notice.text] == ["@wang"], "it still waits for the 科室"
    assert "#1 " not in street.say("qian", "/我的")
    street.organisation = sample_organisation()
    assert "#1 " in street.say("qian", "/我的")


def test_a_step_up_leaves_out_a_handler_who_is_gone(street: Street) -> None:
    street.import_rows(row(到达时间=LATE))
    street.through(1, *TO["办理中"])
    street.say("wang", "/分办 1 钱队员")
    street.organisation = moved("qian", "pingan")

    assert "科室负责人和综合科" in street.say("zhang", "/升级 1 没有人办")


def test_what_is_due_calls_the_seats_and_names_a_command_that_works(stranded: Street) -> None:
    stand(stranded, at(1, "18:00"))

    notice = stand(stranded, at(2, "10:00")).only("due_lists")

    assert (notice.group, notice.people) == ("dispatch", ("zhang", "li", "zhao"))
    assert "/超期 chengguan" not in notice.text


def test_a_seat_that_accepts_for_a_department_without_a_head_is_not_its_handler(street: Street) -> None:
    sample = sample_organisation()
    headless = [
        each.model_copy(update={"head": None}) if each.id == "chengguan" else each for each in sample.departments
    ]
    street.organisation = Organisation(sample.people, headless, sample.patches, sample.communities, sample.groups)
    street.import_rows(row(到达时间=LATE), row(2, 到达时间=LATE))
    street.through(1, "签收", "派单")
    street.through(2, "签收", "派单")
    street.notices()

    reply = street.privately("zhang", "/接单 1 代 城管科")

    assert reply.splitlines()[0] == "✔ 【#1】已接单，还没有经办人（代 城管科，未注明据何人）：由科室 /分办 1 人"
    assert (street.order().state, street.order().handler) == ("办理中", None)
    assert street.event()["data"]["handler"] is None
    assert street.notices().only("accepted").text == "【#1】城管科 已接单（张坐席 代 城管科）"
    assert street.say("sun", "/催办 1").endswith("：王科长、钱队员")
    assert "：城管科 已于 " in street.say("wang", "/接单 1")
    assert "经办人" not in street.say("zhang", "/查 1").partition("时限：")[0]
    assert street.say("zhang", "/接单 2 代 王科长").startswith("✔ 【#2】已接单，经办人：王科长（代 城管科")
    street.check()


@pytest.mark.parametrize("people_only", [False, True])
@pytest.mark.parametrize(("state", "more"), [("待接单", {}), ("办理中", {}), ("待接单", URGENT)])
def test_a_reminder_advises_the_seats_to_send_it_elsewhere(
    street: Street, state: str, more: dict[str, str], people_only: bool
) -> None:
    street.import_rows(row(到达时间=LATE, **more))
    street.through(1, *TO[state])
    street.organisation = without("chengguan", people_only=people_only)
    street.notices()

    street.move(at(2, "08:50"))

    told = street.notices().of("reminder")
    assert told
    for notice in told:
        assert notice.text.endswith(f"下一步：\n{MOVE}")


def test_reminders_of_several_orders_advise_it_too(stranded: Street) -> None:
    stranded.organisation = sample_organisation()
    stranded.import_rows(row(2, 到达时间=LATE))
    stranded.through(2, "签收", "派单")
    stranded.organisation = without("chengguan")
    stranded.notices()

    stranded.move(at(2, "08:50"))

    told = [notice.text for notice in stranded.notices().of("reminder") if notice.order is None]
    assert told
    for text in told:
        assert "/改派 1 理由" in text
        assert "/改派 2 理由" in text
        assert not any(step in text for step in STEPS_OF_OTHERS)


@pytest.mark.parametrize(
    ("state", "back", "kind"),
    [("待评定", "不解决", "rated"), ("待结案", "驳回", "rejected"), ("已结案", "重开", "reopened")],
)
@pytest.mark.parametrize("people_only", [False, True])
def test_what_comes_back_to_nobody_is_to_be_sent_elsewhere(
    street: Street, state: str, back: str, kind: str, people_only: bool
) -> None:
    street.import_rows(row(到达时间=LATE))
    street.through(1, *TO[state])
    street.organisation = without("chengguan", people_only=people_only)
    street.notices()

    street.through(1, back)

    for notice in street.notices().of(kind):
        assert notice.text.splitlines()[-1] == WHY
        assert not any(step in notice.text for step in STEPS_OF_OTHERS)


def test_what_comes_back_to_a_department_with_people_is_theirs(street: Street) -> None:
    street.import_rows(row(到达时间=LATE))
    street.through(1, *TO["待结案"])
    street.notices()

    street.through(1, "驳回")

    assert all("改派" not in notice.text for notice in street.notices())


@pytest.mark.parametrize("state", ["待接单", "办理中"])
@pytest.mark.parametrize("typed", ["/反馈 1 已接通 已告知", "/反馈 1 联系不上 无人接听"])
def test_after_a_seats_contact_the_next_step_is_one_that_it_may_take(street: Street, state: str, typed: str) -> None:
    street.import_rows(row(到达时间=LATE, **URGENT))
    street.through(1, *TO[state])
    street.organisation = without("chengguan")

    reply = street.say("zhang", typed)

    assert reply.splitlines()[-1] == WHY
    assert not any(step in reply for step in ("/办结", "方可办结", "办结前"))
    assert street.say("zhang", "/改派 1 科室已撤销").startswith("✔")


def test_whoever_may_not_send_it_elsewhere_is_not_told_to(street: Street) -> None:
    street.import_rows(row(到达时间=LATE))
    street.through(1, "签收")
    street.say("zhang", "/派单 1 城管科 +平安建设科")
    assisting = next(person.id for person in street.organisation.members("pingan"))
    street.organisation = without("chengguan")

    reply = street.say(assisting, "/反馈 1 已接通 已告知")

    assert reply.startswith("✔")
    assert "改派" not in reply


def test_what_is_due_says_which_are_to_be_sent_elsewhere(street: Street) -> None:
    street.import_rows(row(到达时间=LATE), row(2, 到达时间=LATE), row(3, 到达时间=LATE))
    street.through(1, *TO["办理中"])
    street.through(2, "签收", "派单")
    street.through(3, "签收")
    street.say("zhang", "/派单 3 平安建设科")
    street.organisation = without("chengguan")
    stand(street, at(1, "18:00"))

    text = stand(street, at(2, "10:00")).only("due_lists").text

    assert "#3 " in text
    hint = "#1、#2 的主办科室已撤销或已没有人：/改派 单号 理由，再派给别的科室"
    assert [line for line in text.splitlines() if "改派" in line] == [hint]


@pytest.mark.parametrize("typed", ["/接单 1", "/接单 1 代 城管科", "/接单 1 代 chengguan"])
def test_nobody_acts_for_a_department_without_people(street: Street, typed: str) -> None:
    street.import_rows(row(到达时间=LATE))
    street.through(1, "签收", "派单")
    street.organisation = without("chengguan", people_only=True)

    assert street.say("zhang", typed) == "✘ 【#1】城管科已没有人，不能代它接单：/改派 1 理由，再派给别的科室"
    assert street.say("zhang", "/反馈 1 代 城管科 已接通 说了") == (
        "✘ 【#1】城管科已没有人，不能代它反馈：直接写 /反馈 1 …，不用写代"
    )
    assert street.order().state == "待接单"
    steps = street.say("zhang", "/查 1").partition("下一步可以：\n")[2]
    assert steps.startswith("/改派 1 理由")
    assert "代 " not in steps
    assert "/接单" not in steps


def test_the_report_of_a_department_without_people_is_nobodys_either(street: Street) -> None:
    street.import_rows(row(到达时间=LATE))
    street.through(1, *TO["办理中"], "反馈")
    street.organisation = without("chengguan", people_only=True)

    reply = street.say("zhang", "/办结 1 代 城管科 解决 已处理")

    assert reply == "✘ 【#1】城管科已没有人，不能代它办结：/改派 1 理由，再派给别的科室"
