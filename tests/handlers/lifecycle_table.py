"""Section 2 of the domain as a table to be read beside it: who may do what to an order, where, and what follows.

Written from the domain, not from the program: `test_walk.py` holds the program against it. All names are those that
people use. "主办" is a member of the order's 主办 科室, "协办" of a 协办 科室; before a dispatch an order has neither.
"""

from dataclasses import dataclass

STATES = ["待签收", "退回中", "已退回", "待派单", "待接单", "办理中", "待评定", "待结案", "已结案", "挂账", "作废"]
OPEN = "待签收 退回中 待派单 待接单 办理中 待评定 待结案 挂账"
EVERYWHERE = " ".join(STATES)

PEOPLE: dict[str, str] = {
    "zhang": "坐席",
    "li": "坐席",
    "wang": "主办",  # the handler
    "qian": "主办",
    "liu": "协办",
    "he": "协办 复核",  # recorded the contact with the caller, so may not rate
    "chen": "他科",
    "gao": "复核",  # rates
    "luo": "复核",
    "ma": "综合科",
    "song": "分中心",
    "xie": "数据专员",
    "zheng": "领导",
    "cao": "授权人",
    "admin": "管理员",
}
"""Who stands how to the order, by the person's id."""

DISPATCHED = ["待接单", "办理中", "待评定", "待结案", "已结案", "挂账", "作废"]
"""States in which the order of the walk has a 主办 and a 协办 科室."""


@dataclass(frozen=True)
class Row:
    """One command in one way of writing it. `to`: "" is the same state.

    Clocks: `started`; and of those that run in the state `met`, `ended` (cancelled), and `anew` (a new generation).
    `except_` are people who belong to `who` and still may not, each with the reason that is given.
    """

    typed: str
    who: str
    states: str
    to: str = ""
    met: str = ""
    started: str = ""
    ended: str = ""
    anew: str = ""
    except_: tuple[tuple[str, str], ...] = ()

    @property
    def command(self) -> str:
        return self.typed.split()[0].removeprefix("/")


ROWS: tuple[Row, ...] = (
    # 2–6: from the arrival to a decision whose order it is
    Row("/签收 1", "坐席", "待签收", "待派单", met="签收", started="派单"),
    Row("/退回 1 非本辖区 邻街街道 地址在河东，属邻街街道管辖", "坐席", "待签收 待派单", "退回中", met="签收"),
    Row("/退回结果 1 成功", "坐席", "退回中", "已退回", ended="签收 响应 办结 超4天"),
    Row("/退回结果 1 驳回", "坐席", "退回中", "待派单", started="派单"),
    Row("/报备 1 地址在两街道交界，权属不清", "坐席", "待签收 待派单", started="批复"),
    Row("/批复 1 派 城管科", "分中心", "待签收 待派单"),
    Row("/批复 1 退 区水务局 属区管河道", "分中心", "待签收 待派单"),
    Row("/批复 1 说明 请先核实地址", "分中心", "待签收 待派单"),
    # 7–11: to a 科室
    Row("/派单 1 城管科+社区建设科", "坐席", "待派单", "待接单", met="派单"),
    Row("/电话 1 王科长 已告知", "坐席", "待派单 待接单 办理中"),
    Row("/接单 1", "主办", "待接单", "办理中"),
    Row("/接单 1 代 城管科", "坐席", "待接单", "办理中"),
    Row("/分办 1 贾队员", "主办", "待接单 办理中"),
    Row("/改派 1 不属于我科职责", "主办 坐席", "待接单 办理中", "待派单", started="派单"),
    # 12–17: in the 科室
    Row("/核查 1 现场无人施工", "坐席 主办 协办", "待签收 待派单 待接单 办理中"),
    Row("/反馈 1 已接通 已告知", "坐席 主办 协办", "待签收 待派单 待接单 办理中 待评定", met="响应"),
    Row("/反馈 1 联系不上 无人接听", "坐席 主办 协办", "待签收 待派单 待接单 办理中 待评定"),
    Row(
        "/反馈 1 无法联系 没有号码",
        "坐席 主办 协办",
        "待签收 待派单 待接单 办理中 待评定",
        except_=tuple((who, "来电人留了完整的电话，也没有要求保密") for who in PEOPLE),  # where it holds: test_handling
    ),
    Row("/反馈 1 代 城管科 已接通 已告知", "坐席", "待接单 办理中 待评定", met="响应"),
    Row("/办结 1 解决 已修复", "主办", "办理中", "待评定", met="办结 超4天", started="评定"),
    Row("/办结 1 代 城管科 未解决 无法修复", "坐席", "办理中", "待评定", met="办结 超4天", started="评定"),
    Row("/补要件 1 态度 认可", "坐席 主办 综合科", "待评定 待结案"),
    # 18–22: to the end, and back
    Row(
        "/评定 1 是 解决 满意",
        "复核",
        "待评定",
        "待结案",
        met="评定",
        except_=(("he", "您经办过这个工单，不能自己评定"),),
    ),
    Row(
        "/评定 1 否 未解决 不满意",
        "复核",
        "待评定",
        "办理中",
        met="评定",
        started="办结 超4天",
        except_=(("he", "您经办过这个工单，不能自己评定"),),
    ),
    Row("/结案 1", "综合科", "待结案", "已结案"),
    Row("/驳回 1 未附照片", "综合科", "待结案", "办理中", started="办结 超4天"),
    Row("/重开 1 再次发生", "综合科", "已结案", "办理中", started="响应 办结 超4天"),
    # 25–28: pressing on, and facts beside the state
    Row("/催办 1", "坐席 综合科 领导", OPEN),
    Row("/升级 1 多次未接单", "坐席 主办 综合科", OPEN),
    Row("/督办 1 区 明天17:00", "综合科 领导", OPEN, started="区级督办"),
    Row(
        "/定级 1 紧急 现场有人受伤",
        "坐席 综合科",
        "待签收 退回中 待派单 待接单 办理中",
        started="紧急处置",
        anew="签收 派单 响应 办结",
    ),
    Row("/定级 1 紧急 现场有人受伤", "坐席 综合科", "待评定 待结案 挂账"),  # nobody could meet 紧急处置 there
    Row("/定级 1 疑难 涉及多个部门", "坐席 综合科", OPEN, anew="签收 派单 响应 办结"),
    Row("/标记 1 易反弹", "坐席 综合科", OPEN),
    # not a step of an order's life: in private only
    Row("/揭示 1 回访核实", "坐席 复核 主办 协办", EVERYWHERE),
)

ASKING: dict[str, str] = {
    "查": "/查 1",
    "待办": "/待办",
    "我的": "/我的",
    "超期": "/超期",
    "列表": "/列表 待派单",
    "统计": "/统计",
    "日报": "/日报",
    "帮助": "/帮助",
    "规则": "/规则 签收",
    "状态": "/状态",
}
"""For everybody in the organisation, everywhere; they change nothing."""

SEES_DETAILS = ["坐席", "主办", "协办", "复核", "综合科", "分中心", "数据专员", "领导"]
"""Whom /查 shows the order in full; everybody else one masked line."""

PRIVATE = ("揭示", "绑定")
"""Commands that are refused in every group."""

REGISTER = "/登记 工单编号：热线-260601-000777\n标题：路灯不亮\n主要内容：桃花巷路灯不亮\n到达时间：2026-06-01 08:00"
REGISTERS = "坐席"

NOT_BUILT: dict[str, str] = {
    "吹哨": "1 区住建委 请到场",
    "应哨": "1 已到场",
    "撤哨": "1 已协调",
    "延期": "1 6月9日 需要采购",
    "准延": "1",
    "驳延": "1",
    "二次确认": "1 属实",
    "挂账": "1 6月20日 需立项",
    "销账": "1",
    "作废": "1 2",
    "确认作废": "1",
    "点名": "1",
    "周报": "",
    "月报": "",
    "报表": "日报",
    "报送": "1 确认 已发",
    "失误": "数据专员 1 谢数据 数字错误",
    "陈述": "1 说明",
    "认定": "1",
    "撤失误": "1",
    "扣款": "",
    "风险": "",
    "考核结果": "2026-05 良好",
    "登记事件": "舆情 6月1日 说明",
    "申诉": "1 理由",
    "抽检": "10 本周",
    "接班": "",
    "提醒": "明天 开会",
    "日历": "",
    "网页": "",
}
"""Commands to come, with arguments as they will be typed: whoever types them, wherever, reads 尚未提供."""

WAY: dict[str, tuple[tuple[str, str], ...]] = {
    "待签收": (),
    "退回中": (("zhang", "/退回 1 非本辖区 邻街街道 地址在河东，属邻街街道管辖"),),
    "已退回": (("zhang", "/退回 1 非本辖区 邻街街道 地址在河东，属邻街街道管辖"), ("zhang", "/退回结果 1 成功")),
    "待派单": (("zhang", "/签收 1"),),
    "待接单": (("zhang", "/签收 1"), ("zhang", "/派单 1 城管科+社区建设科")),
}
WAY["办理中"] = (*WAY["待接单"], ("wang", "/接单 1"), ("he", "/反馈 1 已接通 已告知"))
WAY["待评定"] = (*WAY["办理中"], ("wang", "/办结 1 解决 已修复"))
WAY["待结案"] = (*WAY["待评定"], ("gao", "/评定 1 是 解决 满意"))
WAY["已结案"] = (*WAY["待结案"], ("ma", "/结案 1"))
WAY["挂账"] = WAY["作废"] = WAY["办理中"]
"""How the order of the walk comes to each state; to 挂账 and 作废 no built command leads, see `test_walk.py`."""

RUNNING: dict[str, str] = {
    "待签收": "签收 响应 办结 超4天",
    "退回中": "响应 办结 超4天",
    "待派单": "派单 响应 办结 超4天",
    "待接单": "响应 办结 超4天",
    "办理中": "办结 超4天",
    "待评定": "评定",
}
"""Clocks that run once the order has come there; none in the other states."""

UNDOES: dict[str, tuple[str, str]] = {
    "退回中": ("zhang", "待签收"),
    "已退回": ("zhang", "退回中"),
    "待派单": ("zhang", "待签收"),
    "待接单": ("zhang", "待派单"),
    "办理中": ("he", "办理中"),
    "待评定": ("wang", "办理中"),
    "待结案": ("gao", "待评定"),
    "已结案": ("ma", "待结案"),
    "挂账": ("ma", "办理中"),
    "作废": ("ma", "办理中"),
}
"""Row 29: who did the last step may take it back within two minutes, and what the state was before it."""
