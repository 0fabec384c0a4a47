"""Every command: its names, how it is written, what it does in one line, and the function that does it.

The parser, the help, the console's completion and the execution all read this one table.
"""

from handlers.arguments import Arguments
from handlers.command import Command, command
from handlers.commands import (
    acknowledging,
    asking,
    binding,
    closing,
    dispatching,
    handling,
    helping,
    informing,
    marking,
    oversight,
    receipt,
    referral,
    registration,
    revealing,
    undo,
)
from handlers.figures import Axis
from handlers.reports.daily import daily_command
from handlers.slots import BEHALF, DEADLINE, HAPPENED, NOTE, REASON, Slot, choice, ruled, text, word
from handlers.states import State
from handlers.statistics import statistics
from handlers.timers import SUPERVISIONS
from handlers.work import Said, Work

_DUTY = frozenset({"duty"})
_SEES_CALLERS = frozenset({"duty", "reviewer", "department"})


def _help(work: Work, arguments: Arguments) -> Said:
    return helping.help_(work, arguments, COMMANDS)


def _rules(work: Work, arguments: Arguments) -> Said:
    return informing.rules(work, arguments, COMMANDS)


_DEPARTMENT = Slot("department", "科室", optional=True)


COMMANDS: tuple[Command, ...] = (
    command(
        "登记 new",
        "none",
        (text("列名：值（每行一项），或粘贴表头和一行"),),
        "登记一件工单，工单编号必填",
        "/登记 工单编号：热线-260601-000001\n标题：路灯不亮\n主要内容：桃花巷路灯不亮\n到达时间：2026-06-01 08:00",
        ask=registration.register,
        roles=_DUTY,
    ),
    command("签收 签 claim sign", "many", (), "签收，开始派单计时", "/签收 123", "/签收 15-18", step=receipt.sign_off),
    command(
        "退回 退件 return",
        "one",
        (ruled("类别", lambda rules: rules.return_kinds), word("单位"), text("说明")),
        "退回不属于本街道的工单",
        "/退回 123 非本辖区 邻街街道 地址在河东，属邻街街道管辖",
        step=receipt.send_back,
    ),
    command(
        "退回结果 returned",
        "one",
        (choice("成功", "驳回"), NOTE),
        "登记退回的结果",
        "/退回结果 123 成功",
        step=receipt.return_answer,
    ),
    command(
        "报备 refer",
        "one",
        (text("事由"),),
        "归属不清，向分中心报备",
        "/报备 123 地址在两街道交界，权属不清",
        step=referral.refer,
    ),
    command(
        "批复 advise",
        "one",
        (
            (choice("派"), Slot("department", "科室"), NOTE),
            (choice("退"), word("单位"), NOTE),
            (choice("说明"), text("…")),
        ),
        "分中心对报备的答复",
        "/批复 123 派 城管科",
        "/批复 123 退 区水务局 属区管河道",
        step=referral.advise,
    ),
    command(
        "派单 派发 转办 dispatch",
        "many",
        (Slot("departments", "主办[+协办+协办]"), NOTE),
        "派给科室，一个主办，可有协办",
        "/派单 123 城管科",
        "/派单 123 城管科+平安办 请今日到场",
        step=dispatching.dispatch,
    ),
    command(
        "电话 phone",
        "one",
        (Slot("person", "被叫人"), NOTE),
        "记一次电话通知，紧急工单必记",
        "/电话 123 王科长 已告知现场情况",
        step=dispatching.phone,
        own_kinds=frozenset({"phone"}),
    ),
    command(
        "接单 accept",
        "many",
        (BEHALF,),
        "科室接单，接单人即经办人",
        "/接单 123",
        "/接单 123 代 城管科",
        step=dispatching.accept,
    ),
    command(
        "分办 assign",
        "many",
        (Slot("person", "人", colleague=True),),
        "科室内指定经办人",
        "/分办 123 钱队员",
        step=dispatching.assign,
    ),
    command(
        "改派 decline",
        "one",
        (REASON,),
        "派错了，退给值班坐席改派",
        "/改派 123 属市场监管所职责",
        step=dispatching.decline,
    ),
    command("核查 check", "one", (text("结果"),), "记一次信息核查", "/核查 123 现场无人施工", step=handling.check),
    command(
        "反馈 contact",
        "one",
        (BEHALF, HAPPENED, choice(handling.REACHED, handling.UNREACHABLE, handling.IMPOSSIBLE), text("说明")),
        "记一次与来电人的联系",
        "/反馈 123 已接通 已告知今日到场处理",
        "/反馈 123 10:30 联系不上 无人接听",
        step=handling.contact,
        own_kinds=frozenset({"date"}),
    ),
    command("吹哨 whistle", "one", "N 部门 事由", "请区级部门到场"),
    command("应哨", "one", "N 说明", "区级部门应哨"),
    command("撤哨", "one", "N 说明", "撤销吹哨"),
    command("延期 extend", "one", "N 新截止 理由", "申请延期", own_kinds=frozenset({"date"})),
    command("准延", "one", "N [说明]", "同意延期"),
    command("驳延", "one", "N [说明]", "不同意延期"),
    command(
        "办结 done",
        "one",
        (BEHALF, choice(*handling.OUTCOMES), text("结果")),
        "科室申报办理结果",
        "/办结 123 解决 已修复路灯",
        "/办结 123 解决 结果：已修复路灯\n态度：满意",
        step=handling.report_done,
    ),
    command(
        "补要件",
        "one",
        (choice(*handling.ITEMS), text("内容")),
        "补一项结案要件",
        "/补要件 123 态度 来电人表示认可",
        step=handling.add_item,
    ),
    command(
        "评定 rate",
        "one",
        (
            choice("是", "否", about="响应：是否联系过来电人"),
            choice(*handling.OUTCOMES, about="解决：诉求办成了没有"),
            choice(*closing.SATISFIED, about="满意：来电人怎么说"),
            word("编号", optional=True, before="录音"),
            NOTE,
        ),
        "复核：响应、解决、满意",
        "/评定 123 是 解决 满意 录音 A0012",
        step=closing.rate,
    ),
    command("二次确认 confirm", "one", "N 说明", "督办件结案前另一人确认"),
    command("结案 close", "many", (), "要件齐全后结案", "/结案 123", step=closing.close),
    command(
        "驳回 reject", "one", (REASON,), "结案审核不通过，退回科室", "/驳回 123 未附现场照片说明", step=closing.reject
    ),
    command("重开 reopen", "one", (REASON,), "已结案的重新办理", "/重开 123 来电人反映再次发生", step=closing.reopen),
    command("挂账 suspend", "one", "N 复核日期 依据", "一时难以解决的挂账", own_kinds=frozenset({"date"})),
    command("销账 resume", "one", "N [说明]", "恢复办理"),
    command("作废 void", "one", "N 保留的单号", "作废重复导入的工单", own_kinds=frozenset({"order"})),
    command("确认作废", "one", "N", "确认作废"),
    command("催办 urge", "many", (), "催当前责任人，10分钟一次", "/催办 123", step=oversight.urge),
    command("升级 escalate", "one", (REASON,), "告诉上一级", "/升级 123 科室多次未接单", step=oversight.escalate),
    command(
        "督办 supervise",
        "one",
        (
            (choice(*SUPERVISIONS), DEADLINE),
            (choice(*SUPERVISIONS), choice("取消"), NOTE),
        ),
        "列为督办，另计时限；各级并存，取消只取消那一级",
        "/督办 123 区 明天17:00",
        "/督办 123 区 取消",
        step=oversight.supervise,
    ),
    command(
        "定级 level",
        "one",
        (choice(*marking.LEVELS), REASON),
        "改级别，时限随之调整",
        "/定级 123 紧急 现场有人受伤",
        step=marking.set_level,
    ),
    command(
        "标记 flag",
        "one",
        (
            ruled("事实", marking.markable),
            word("类别", optional=True),
            choice("取消", optional=True),
        ),
        "设或取消一项事实",
        "/标记 123 易反弹",
        "/标记 123 剔除 不合理诉求",
        "/标记 123 易反弹 取消",
        step=marking.flag,
    ),
    command("点名", "one", "N [取消]", "列为市级点名"),
    command(
        "揭示 reveal",
        "one",
        (text("事由"),),
        "看来电人姓名电话，仅限私聊",
        "/揭示 123 回访核实",
        step=revealing.reveal,
        private=True,
        roles=_SEES_CALLERS,
    ),
    command("撤回 undo", "none", (), "两分钟内撤回自己刚才的操作", "/撤回", ask=undo.undo),
    command(
        "查 show",
        "maybe",
        (text("要查找的词"),),
        "看一件工单，或按词查找",
        "/查 123",
        "/查 123 经过",
        "/查 科源社区",
        step=asking.show,
        ask=asking.search,
        reads=True,
        wide=True,
    ),
    command("待办 todo", "none", (_DEPARTMENT,), "轮到我做的", "/待办", ask=asking.todo, reads=True),
    command("我的 mine", "none", (_DEPARTMENT,), "我经办的", "/我的", ask=asking.mine, reads=True),
    command(
        "超期 overdue", "none", (_DEPARTMENT,), "已过时限的", "/超期", "/超期 城管科", ask=asking.overdue, reads=True
    ),
    command(
        "列表 list",
        "none",
        (
            choice(*State, label="状态", optional=True, free=True),
            Slot("department", "科室", optional=True, free=True),
            Slot("community", "社区", optional=True, free=True),
            choice("紧急", "疑难", "一般", label="紧急", optional=True, free=True),
            Slot("period", "日期..日期", ("今日", "昨日", "本周", "本月"), optional=True, free=True),
        ),
        "按条件列工单",
        "/列表 待派单",
        "/列表 城管科 紧急",
        ask=asking.listing,
        reads=True,
        wide=True,
    ),
    command(
        "统计 stats",
        "none",
        (
            Slot(
                "period", "今日|昨日|本周|本期|日期..日期", ("今日", "昨日", "本周", "本期"), optional=True, free=True
            ),
            choice(*(f"按{axis}" for axis in Axis), optional=True, free=True),
            Slot("subject", "某个科室、社区、包片或分类", optional=True, free=True),
            choice("三率", optional=True, free=True),
        ),
        "数量和三率，默认今日",
        "/统计",
        "/统计 本周 按科室",
        ask=statistics,
        reads=True,
        wide=True,
    ),
    command(
        "日报",
        "none",
        (Slot("period", "日期", ("昨日", "今日"), optional=True),),
        "某日日报，默认昨日",
        "/日报",
        "/日报 昨日",
        ask=daily_command,
        reads=True,
        wide=True,
    ),
    command("周报", "none", "[期间]", "周报"),
    command("月报", "none", "[期间]", "月报"),
    command("报表 report", "none", "名称 [期间]", "各类报表"),
    command("报送", "none", "编号 确认|更正 说明", "报送登记"),
    command("失误", "none", "条款 N|报表 人 事由", "登记失误"),
    command("陈述", "none", "失误号 说明", "对失误的陈述"),
    command("认定", "none", "失误号 [说明]", "认定失误"),
    command("撤失误", "none", "失误号 [说明]", "撤销失误"),
    command("扣款", "none", "[月份]", "扣款月结单"),
    command("风险", "none", "[月份]", "合同风险监测"),
    command("考核结果", "none", "期间 等次", "登记考核结果"),
    command("登记事件", "none", "类别 日期 说明", "登记通报、舆情等"),
    command("申诉 appeal", "one", "N 理由 或 N 成功|失败 说明", "对市级回访申诉"),
    command("抽检 inspect", "none", "人数 期间 或 编号 N 合格|不合格 说明", "抽检"),
    command(
        "知悉 ack",
        "one",
        (word("时长", optional=True, before="稍后"),),
        "表示已看到提醒，一小时内不再提醒您",
        "/知悉 123",
        "/知悉 123 稍后 2小时",
        step=acknowledging.acknowledge,
    ),
    command("接班 handover", "none", "", "接班"),
    command("提醒 remind", "none", "时间 内容，列表，停 编号", "个人提醒"),
    command("日历", "none", "[年]", "工作日历"),
    command(
        "绑定",
        "none",
        binding.FORMS,
        "看绑定了什么；系统管理员发一次码、解除",
        "/绑定",
        "/绑定 人 张三",
        "/绑定 群 派单",
        "/绑定 解除 人 张三",
        ask=binding.bind,
        private=True,
    ),
    command("网页", "none", "", "登录网页", private=True),
    command(
        "帮助 help",
        "none",
        (Slot("command", "命令", optional=True),),
        "能用的命令，或一条命令的用法",
        "/帮助",
        "/帮助 派单",
        ask=_help,
        reads=True,
    ),
    command(
        "规则 policy",
        "none",
        (Slot("rule", "名称", optional=True),),
        "现行时限和规则",
        "/规则",
        "/规则 签收",
        ask=_rules,
        reads=True,
    ),
    command("状态 status", "none", (), "系统自身状态", "/状态", ask=informing.status, reads=True),
)

BY_NAME: dict[str, Command] = {command.name: command for command in COMMANDS}
