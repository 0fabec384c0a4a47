"""The organisation file: what it means, and how its mistakes are named."""

from pathlib import Path

import pytest

import config
from config.errors import ConfigError
from config.organisation import ROLES, Organisation, Person, Robot, load_organisation, role_name

SAMPLE = Path(config.__file__).parent / "sample" / "organisation.toml"

BASE = """\
[[departments]]
id = "chengguan"
name = "城管科"
aliases = ["城管", "综合执法"]
head = "wang"

[[departments]]
id = "wuye"
name = "物业科"

[[patches]]
id = "p1"
name = "第一包片"
leader = "li"

[[communities]]
name = "科源社区"
aliases = ["科源"]
patch = "p1"

[[people]]
id = "zhang"
name = "张三"
roles = ["duty"]
accounts = { wecom = "zhangsan" }

[[people]]
id = "zhang2"
name = "张三"
roles = ["department"]
department = "wuye"

[[people]]
id = "wang"
name = "王科长"
aliases = ["老王"]
roles = ["department", "office"]
department = "chengguan"

[[people]]
id = "li"
name = "李领导"
roles = ["leader"]

[[groups]]
id = "dispatch"
name = "派单工作群"
purpose = "dispatch"
chats = { wecom = "wr1" }
robots = [
  { platform = "wecom", webhook_env = "HOOK" },
]

[[groups]]
id = "cg"
name = "城管科群"
purpose = "department"
department = "chengguan"
"""
KEY = "3f2a1111-2222-3333-4444-555555555555"
HOOK = f"https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key={KEY}"
DING = f"https://oapi.dingtalk.com/robot/send?access_token={KEY}"
FEISHU = f"https://open.feishu.cn/open-apis/bot/v2/hook/{KEY}"


@pytest.fixture
def load(tmp_path: Path):
    def load(text: str = BASE, hook: str = HOOK) -> Organisation:
        path = tmp_path / "organisation.toml"
        path.write_text(text, encoding="utf-8")
        return load_organisation(path, {"HOOK": hook} if hook else {})

    return load


def test_people_are_found_by_id_name_and_alias_whatever_the_width(load):
    office = load()
    assert [person.id for person in office.find_person("wang")] == ["wang"]
    assert [person.id for person in office.find_person(" 老王 ")] == ["wang"]
    assert [person.id for person in office.find_person("ＷＡＮＧ")] == []
    assert [item.id for item in office.find_department("综合执法")] == ["chengguan"]
    assert office.find_person("无此人") == ()


def test_two_people_of_one_name_are_both_found(load):
    assert [person.id for person in load().find_person("张三")] == ["zhang", "zhang2"]


def test_names_are_compared_without_regard_to_width_and_case():
    office = Organisation(people=[Person(id="a", name="Wang ５", roles=frozenset({"duty"}))])
    assert office.find_person("wang 5")


def test_roles_members_heads_accounts_and_patches(load):
    office = load()
    assert [person.id for person in office.people_with("department")] == ["zhang2", "wang"]
    assert [person.id for person in office.members("chengguan")] == ["wang"]
    assert office.head_of("chengguan").id == "wang"
    assert office.head_of("wuye") is None
    assert office.by_account("wecom", "zhangsan").id == "zhang"
    assert office.by_account("dingtalk", "zhangsan") is None
    assert office.by_chat("wecom", "wr1").id == "dispatch"
    assert office.community("科源").name == "科源社区"
    assert office.patch_leader("科源社区").id == "li"
    assert office.patch_leader("别处") is None
    assert office.person("wang").has_role("reviewer", "office")
    assert not office.person("wang").has_role("duty")


def test_a_purpose_without_its_own_group_uses_the_dispatch_group(load):
    office = load()
    assert [group.id for group in office.groups_for("department", "chengguan")] == ["cg"]
    assert [group.id for group in office.groups_for("department", "wuye")] == ["dispatch"]
    assert [group.id for group in office.groups_for("leaders")] == ["dispatch"]


def test_nearest_names_are_offered(load):
    assert load().nearest_departments("城管局")[0] == "城管科"
    assert load().nearest_people("王科")[0] == "王科长"


def test_webhooks_never_show_and_have_a_stable_name(load):
    office = load()
    robot = office.group("dispatch").robots[0]
    assert "3f2a" not in repr(office.groups)
    assert robot.webhook.get_secret_value() == HOOK
    assert robot.fingerprint == load().group("dispatch").robots[0].fingerprint
    assert robot.fingerprint.startswith("wecom:") and "3f2a" not in robot.fingerprint


@pytest.mark.parametrize(
    "written",
    [
        HOOK + "&debug=1",
        HOOK.replace("?key", "?debug=1&key"),
        HOOK + "/",
        HOOK.replace("qyapi", "QYAPI"),
        HOOK.replace("qq.com", "qq.com."),
        HOOK.replace("3f2a", "3F2A"),
    ],
)
def test_a_robot_has_one_name_however_its_address_is_written(written):
    """What the platform has counted is counted for the robot."""
    assert Robot(platform="wecom", webhook=written).fingerprint == Robot(platform="wecom", webhook=HOOK).fingerprint


def test_other_robots_have_other_names():
    other = HOOK.replace("3f2a", "3f2b")
    hosted = HOOK.replace("qyapi.weixin.qq.com", "wecom.example.com")
    names = {Robot(platform="wecom", webhook=url).fingerprint for url in (HOOK, other, hosted, "http://127.0.0.1/x")}
    assert len(names) == 4


def test_entries_can_be_members_of_sets(load):
    office = load()
    assert len({*office.people, *office.people}) == len(office.people)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('["duty"]', '["dutty"]', "roles：没有这个角色 “dutty”，是否想写 duty"),
        ('roles = ["duty"]', "roles = []", "roles：至少要有 1 项"),
        ('roles = ["duty"]', 'role = ["duty"]', "role：没有这个键，是否想写 roles"),
        ('head = "wang"', 'head = "wong"', "head：没有编号为 “wong” 的人，是否想写 wang"),
        ('head = "wang"', "head = 5", "head：应为文字，写在引号里"),
        ('department = "wuye"', 'department = "wuy"', "department：没有编号为 “wuy” 的科室，是否想写 wuye"),
        ('patch = "p1"', 'patch = "p2"', "patch：没有编号为 “p2” 的包片，可用的有：p1"),
        ('purpose = "dispatch"', 'purpose = "dispach"', "purpose：没有这个用途 “dispach”，是否想写 dispatch"),
        ('id = "zhang2"', 'id = "zhang" ', "id：编号 “zhang” 已经用在第 22 行，请换一个"),
        ('id = "zhang2"', 'id = "system"', "id：system 留给系统自己，请换一个"),
        ('id = "zhang2"', 'id = "@li"', "id：“@li” 不能以 @ 开头，@ 留给私聊"),
        ('id = "zhang2"', 'id = "li si"', "id：“li si” 只能用文字、数字、下划线、减号和点"),
        ('id = "cg"', 'id = "@cg"', "id：“@cg” 不能以 @ 开头"),
        ('id = "cg"', 'id = "dispatch" ', "id：编号 “dispatch” 已经用在第"),
        ('name = "物业科"', 'name = "城管"', "name：“城管” 已经用在第 4 行，叫法不能重复"),
        ('name = "物业科"', 'name = ""', "name：不能为空"),
        ('name = "物业科"', "name = 物业科", "：等号后面的值写法不对，文字要加引号"),
        ("{ wecom = ", "{ wechat = ", "accounts.wechat：没有这个平台 “wechat”，可用的有：wecom、dingtalk"),
        ('webhook_env = "HOOK"', 'webhook_env = "HOOK2"', "robots.webhook_env：环境变量 HOOK2 没有设置或为空"),
        ('"wecom", webhook_env = "HOOK"', '"wecom" }', "robots.webhook：缺少这一项，请写 webhook 或 webhook_env"),
        ("webhook_env =", 'webhook = "https://x/?key=a", webhook_env =', "webhook 与 webhook_env 只能写一个"),
        ("webhook_env =", "webhook_evn =", "robots.webhook_evn：没有这个键，是否想写 webhook_env"),
        ('platform = "wecom"', 'platform = "slack"', "robots.platform：没有这个机器人平台 “slack”"),
    ],
)
def test_a_mistake_is_named_with_its_line(load, old: str, new: str, message: str):
    text = BASE.replace(old, new, 1).replace("} },", "},")
    with pytest.raises(ConfigError) as caught:
        load(text)
    assert str(caught.value).startswith(f"organisation.toml 第 {line_of(text, new)} 行")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("removed", "at", "message"),
    [
        ('roles = ["duty"]\n', '[[people]]\nid = "zhang"\n', "roles：缺少这一项，请补上"),
        ('department = "wuye"\n', '[[people]]\nid = "zhang2"\n', "department：张三 是科室人员，请写明所属科室"),
        ('purpose = "dispatch"\n', "[[groups]]", "purpose：缺少这一项，请补上"),
        ('name = "科源社区"\n', "[[communities]]", "name：缺少这一项，请补上"),
    ],
)
def test_what_is_missing_is_named_with_the_line_of_its_table(load, removed: str, at: str, message: str):
    text = BASE.replace(removed, "", 1)
    with pytest.raises(ConfigError) as caught:
        load(text)
    assert str(caught.value) == f"organisation.toml 第 {line_of(text, at)} 行 {message}"


def test_only_a_department_group_names_its_department(load):
    with pytest.raises(ConfigError, match="派单工作群 是科室群，请写明是哪个科室"):
        load(BASE.replace('purpose = "dispatch"', 'purpose = "department"'))
    with pytest.raises(ConfigError, match='只有 purpose = "department" 的群才写科室'):
        load(BASE.replace('purpose = "department"', 'purpose = "leaders"'))


def line_of(text: str, marker: str) -> int:
    return text[: text.index(marker)].count("\n") + 1


@pytest.mark.parametrize(
    ("hook", "message"),
    [
        ("http://qyapi.weixin.qq.com/send?key=3f2a", "明文 http:// 只能用于本机"),
        ("https://qyapi.weixin.qq.com/send", "应含 key="),
        (HOOK[:-1], "应含 key= 和 36 位的键值"),
        (f"{HOOK}0", "应含 key= 和 36 位的键值"),
        (HOOK.replace("/send", "/sendx"), "企业微信群机器人的地址在问号前应以 /cgi-bin/webhook/send 结尾"),
        (HOOK.replace("qyapi.", "qyapi.."), "主机名写法不对"),
        ("ftp://qyapi.weixin.qq.com/send?key=3f2a", "应以 https:// 开头"),
        ("3f2a", "应为完整的地址"),
    ],
)
def test_a_wrong_webhook_is_refused_without_repeating_it(load, hook: str, message: str):
    with pytest.raises(ConfigError) as caught:
        load(hook=hook)
    assert message in str(caught.value)
    assert "robots.webhook_env" in str(caught.value)
    assert str(caught.value).endswith("（派单工作群，环境变量 HOOK）"), "which of many robots it is"
    assert "3f2a" not in str(caught.value) and KEY[:8] not in str(caught.value)


@pytest.mark.parametrize("host", ["127.0.0.1:8123", "localhost", "[::1]:9"])
def test_plain_http_reaches_this_machine(load, host: str):
    assert load(hook=f"http://{host}/cgi-bin/webhook/send?key={KEY}")


def test_a_private_installation_of_wecom_may_have_keys_of_its_own_form(load):
    hook = "https://wx.gov.example/cgi-bin/webhook/send?key="
    assert load(hook=f"{hook}Robot_01-x")
    for key in ("Robot_1", "Robot 01-x", "x" * 129):
        with pytest.raises(ConfigError):
            load(hook=hook + key)


def test_one_robot_sends_to_one_group(load):
    twice = BASE + 'robots = [{ platform = "wecom", webhook_env = "HOOK" }]\n'
    with pytest.raises(ConfigError, match=r"第 59 行 robots\.webhook_env：这个机器人已经用在第 51 行"):
        load(twice)
    other = HOOK.replace("?", "?debug=1&").replace(KEY, KEY.upper())
    again = BASE + f'robots = [{{ platform = "wecom", webhook = "{other}" }}]\n'
    with pytest.raises(ConfigError, match="这个机器人已经用在第 51 行"):
        load(again)


@pytest.mark.parametrize(
    ("good", "wrong", "message"),
    [
        (DING, "https://oapi.dingtalk.com/robot/send", "钉钉群机器人的地址应含 access_token="),
        (DING, "https://oapi.dingtalk.com/robot/send?access_token=3f2a", "应含 access_token= 和 16 到 256 位的令牌"),
        (DING, DING.replace("/send", "/sendx"), "钉钉群机器人的地址在问号前应以 /robot/send 结尾"),
        (FEISHU, "https://open.feishu.cn/open-apis/bot/v2/3f2a", "飞书群机器人的地址应含 /open-apis/bot/v2/hook/"),
        (FEISHU, FEISHU.replace(KEY, "3f2a"), "应含 /open-apis/bot/v2/hook/ 和 8 到 128 位的键值"),
    ],
)
def test_each_platforms_robots_have_their_own_form(load, good, wrong, message):
    robots = f'robots = [{{{{ platform = "{"dingtalk" if good is DING else "feishu"}", webhook = "{{}}" }}}}]\n'
    assert load(BASE + robots.format(good))
    with pytest.raises(ConfigError, match=r"第 59 行 robots\.webhook：") as caught:
        load(BASE + robots.format(wrong))
    assert message in str(caught.value) and str(caught.value).endswith("（城管科群）")
    assert "3f2a" not in str(caught.value) and KEY[:8] not in str(caught.value)


def test_one_account_is_one_person(load):
    twice = BASE.replace('aliases = ["老王"]', 'accounts = { wecom = "zhangsan" }')
    with pytest.raises(ConfigError, match=r"第 36 行 accounts\.wecom：账号 “wecom：zhangsan” 已经用在第 25 行"):
        load(twice)


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"找不到组织文件 .*nowhere\.toml"):
        load_organisation(tmp_path / "nowhere.toml", {})


def test_a_file_that_is_not_utf8_is_named(tmp_path: Path):
    path = tmp_path / "organisation.toml"
    path.write_bytes('name = "科室"'.encode("gb18030"))
    with pytest.raises(ConfigError, match="不是 UTF-8 编码"):
        load_organisation(path, {})


def test_the_sample_is_a_whole_street():
    office = load_organisation(SAMPLE, {})
    assert all(office.people_with(role) for role in ROLES)
    assert len(office.people_with("duty")) >= 3
    assert len(office.departments) == 8 and len(office.communities) == 8 and len(office.patches) == 3
    assert office.person("zhang").name == "张坐席"
    assert office.person("wang").department == "chengguan"
    assert office.department("chengguan").name == "城管科"
    assert office.group("dispatch").name == "派单工作群"
    for department in office.departments:
        assert office.head_of(department.id) in office.members(department.id)
    for community in office.communities:
        assert office.patch_leader(community.name)


def test_roles_have_chinese_names():
    assert role_name("duty") == "值班坐席"
    assert len(ROLES) == 9
