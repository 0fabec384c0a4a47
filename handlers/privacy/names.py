"""Finds the name of a person that a label in front of it tells: `来电人张三，`, `联系人：李四 电话…`, `姓名王五。`

A name in free text looks like any other word. Behind such a label it is told apart by three things at once: a common
surname, one or two characters, and an end behind them. What a text says *about* the caller (`来电人曾多次反映`,
`来电人孙女称`) begins with some surnames too; such words are listed, because a star in a wrong place costs the
reader a word and a name in a group is a leak.
"""

import re
from collections.abc import Iterator
from typing import Final

from handlers.privacy.masking import mask_name

_SINGLE: Final = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林罗高郑梁谢宋唐许韩邓冯曹彭曾肖萧田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢姚沈钟姜崔谭陆范汪廖石金韦"
    "贾夏付傅方邹熊白孟秦邱侯江尹薛闫阎段雷龙黎史陶贺毛郝顾龚邵万覃武钱戴严莫孔常汤温康施文牛樊葛邢安齐易乔伍庞颜倪庄聂章鲁岳翟殷詹"
    "申欧耿关兰焦俞左柳甘祝包宁尚符舒阮柯纪梅童凌毕季裴霍涂苗谷曲盛冉翁蓝辛靳管柴蒙鲍华喻祁蒲滕屈饶牟艾尤穆卓项芦褚娄窦戚岑佟臧闵"
    "張劉陳楊黃趙吳孫馬羅鄭謝許韓鄧馮葉蘇呂盧鐘譚陸"
)
"""The most common surnames, with the other script for the first of them; left out are some that are mostly another
word behind a label (向 和 时 单 车 房 成 全 应 路 连)."""
_COMPOUND: Final = (
    "欧阳|歐陽|司马|司馬|诸葛|諸葛|上官|司徒|东方|皇甫|尉迟|公孙|慕容|令狐|夏侯|长孙|宇文|轩辕|端木|独孤|南宫|申屠"
)
_TITLES: Final = (
    "先生|女士|小姐|同志|老师|师傅|阿姨|大爷|大妈|大娘|大姐|大哥|大叔|奶奶|爷爷|叔叔|老人|老汉|老太|经理|主任|书记"
)
_SAYS: Final = (
    "电话|手机|联系|号码|微信|邮箱|身份证|地址|反映|来电|致电|来访|来信|再次|多次|表示|要求|希望|认为|投诉|咨询|求助|建议|举报|诉求|提出|"
    "告知|居住|家住|现住|今日|今天|昨日|昨天|[称说住的是在因对已就向被将把与及到从请又还再]"
)
_ENDS: Final = f"{_TITLES}|{_SAYS}"
_NO_NAME: Final = (
    "于[今昨前去本当此事上下晚早近]|曾[多经反致来要投拨]|周[一二三四五六日天末边围]|何[时人处种地]|高[龄度空管]|孙[子女]|白[天领]|"
    "万[一分]|马[上路]|申[请诉]|陆续|郑重|常[年常]|金额|钱[款财]|安[全装置保]|施工|方[面便式才]|严重|焦[虑急]|顾虑|管理|田地|温馨|程序|"
    "关[于心注停]|任[何职]|包工|华[侨人]|项目|文员|武警|易[发反]|史上|左[右侧边]|尚未|甘愿|盛怒|符合"
)
"""Words that begin like a name and are none."""
_HAN: Final = "\u3400-\u9fff\U00020000-\U0003ffff"
_LABELS: Final = "|".join(f"{word}人" for word in ("来电", "反映", "诉求", "投诉", "联系", "当事", "举报", "求助"))

_NAMED = re.compile(
    rf"[人名](?:(?<={_LABELS})(?:姓名|名字)?|(?<=姓名))[ \n]{{0,3}}[:：是为叫(（]?[ \n]{{0,3}}"
    rf"(?P<name>(?!{_NO_NAME})(?:{_COMPOUND}|[{_SINGLE}])"
    rf"(?:(?!{_ENDS}|姓)[{_HAN}](?:(?!人)[{_HAN}])??| {{1,2}}(?!{_ENDS}|姓)[{_HAN}]))"
    rf"(?:(?![{_HAN}])|(?={_ENDS}))"
)
"""It begins with the last letter of a label and looks back for the rest: a text without such a letter costs one look.
The second character of a given name is taken only where the first has no end behind it (`张三称` is 张三)."""


def may_name(text: str) -> bool:
    """Whether a person is named behind a label, in a text as it was written or folded."""
    return _NAMED.search(text) is not None


def find_names(folded: str) -> Iterator[re.Match[str]]:
    """Find the names behind labels."""
    return _NAMED.finditer(folded)


def hide_name(match: re.Match[str], written: str) -> str | None:
    """Keep the label, mask the name; one that the source masked (张某) stays."""
    start = match.start("name") - match.start()
    hidden = mask_name(match["name"])
    return None if hidden == match["name"] else written[:start] + hidden
