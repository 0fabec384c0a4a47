from bot.platforms.contract import Table
from bot.platforms.rendering import markdown_table, text_table

TABLE = Table(("科室", "在办"), (("城管科", "12"), ("平安|建设\n办公室", "3")))


def test_a_table_in_markdown_keeps_its_columns():
    assert markdown_table(TABLE) == "| 科室 | 在办 |\n| --- | --- |\n| 城管科 | 12 |\n| 平安\\|建设 办公室 | 3 |"


def test_a_table_in_text_is_aligned_for_chinese():
    assert text_table(TABLE) == "科室              在办\n城管科            12\n平安|建设 办公室  3"
