"""What an office lacks to bring an order to its end is told at each start, not only by `jiesu doctor`."""

from bot.doctor.ways_out import lacking
from config.organisation import Organisation
from tests.street import sample_organisation


def _told(people=None, groups=None) -> str:
    sample = sample_organisation()
    return "\n".join(
        map(
            str,
            lacking(
                Organisation(
                    sample.people if people is None else people,
                    sample.departments,
                    sample.patches,
                    sample.communities,
                    sample.groups if groups is None else groups,
                )
            ),
        )
    )


def test_a_whole_office_lacks_nothing():
    assert _told() == ""


def test_nobody_on_duty_and_no_dispatch_group_and_twins_are_told():
    people = sample_organisation().people
    assert "没有人是值班坐席" in _told([person for person in people if "duty" not in person.roles])
    assert "没有派单工作群" in _told(groups=[])
    twin = people[0].model_copy(update={"id": "twin", "accounts": {}})
    assert f"有 2 个人叫“{twin.name}”" in _told([*people, twin])
