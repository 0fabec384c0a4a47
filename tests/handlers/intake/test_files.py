"""Files as offices send them: the wrong ending, titles above the header, damaged, locked, empty."""

import csv
import gc
import io
import os
import struct
import subprocess
import zipfile
from datetime import datetime
from pathlib import Path

import pytest
import xlsxwriter

from handlers.intake.files import FileKind, read_table
from handlers.refusal import Refusal

from .old_excel import container, workbook

HEADER = ["工单编号", "标题", "主要内容", "到达时间"]
ROWS = [["热线-260605-000001", "噪声", "施工，扰民", "2026-06-05 09:00:00"], ["热线-260605-000002", "停车", "", ""]]


def text(rows=(HEADER, *ROWS), delimiter=",") -> str:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter).writerows(rows)
    return out.getvalue()


def xlsx(path: Path, sheets: dict[str, list], hidden: str = "", merges=()) -> Path:
    book = xlsxwriter.Workbook(str(path))
    moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
    for name, rows in sheets.items():
        sheet = book.add_worksheet(name)
        for r, row in enumerate(rows):
            for c, cell in enumerate(row):
                if isinstance(cell, datetime):
                    sheet.write_datetime(r, c, cell, moment)
                else:
                    sheet.write(r, c, cell)
        for merge in merges:
            sheet.merge_range(*merge)
        if name == hidden:
            sheet.hide()
    book.close()
    return path


def cells(path: Path) -> list[tuple[int, list]]:
    with read_table(path) as table:
        return [(row, list(cells)) for row, cells in table.rows]


def refused(path: Path, **how) -> str:
    with pytest.raises(Refusal) as refusal, read_table(path, **how) as table:
        list(table.rows)
    message = refusal.value.message
    assert message.startswith(f"{path.name}：")
    assert "\n" not in message
    return message


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_text_tables_in_each_encoding_and_with_each_delimiter(tmp_path, encoding, delimiter):
    path = tmp_path / "导出.csv"
    path.write_bytes(text(delimiter=delimiter).encode(encoding))
    assert cells(path) == [(2, ROWS[0]), (3, ROWS[1])]


@pytest.mark.parametrize("ending", ["csv", "xls", "xlsx", "dat"])
def test_the_content_decides_and_not_the_ending(tmp_path, ending):
    path = tmp_path / f"导出.{ending}"
    path.write_text(text(), encoding="gb18030", newline="")
    assert read_table(path).kind is FileKind.CSV
    path.unlink()
    xlsx(path, {"数据": [HEADER, *ROWS]})
    with read_table(path) as table:
        assert table.kind is FileKind.XLSX
    path.write_bytes(workbook([HEADER, *ROWS]))
    with read_table(path) as table:
        assert (table.kind, table.sheet, table.total) == (FileKind.XLS, "Sheet1", 2)
        assert [number for number, _ in table.rows] == [2, 3]


def test_an_old_binary_workbook_gives_numbers_and_dates(tmp_path):
    path = tmp_path / "旧.xls"
    moment = datetime(2026, 6, 5, 17, 0, 3)  # noqa: DTZ001
    path.write_bytes(workbook([["某街道导出"], [], HEADER, [202606010001, "噪声", "", moment]]))
    assert cells(path) == [(4, [202606010001.0, "噪声", "", moment])]


def test_the_header_may_stand_below_titles_in_any_kind(tmp_path):
    rows = [["某街道 12345 工单（2026-06-05）", "", "", ""], [], ["导出人：张三"], HEADER, *ROWS]
    book = xlsx(tmp_path / "a.xlsx", {"Sheet1": rows})
    with read_table(book) as table:
        assert (table.header_row, table.header, table.total) == (4, tuple(HEADER), 2)
        assert [row for row, _ in table.rows] == [5, 6]
    sheet = tmp_path / "a.csv"
    sheet.write_text(text(rows), encoding="utf-8-sig")
    with read_table(sheet) as table:
        assert (table.header_row, table.header, table.total) == (4, tuple(HEADER), 2)
        assert [row for row, _ in table.rows] == [5, 6]


def test_a_header_of_two_rows_with_merged_cells_is_read_as_one(tmp_path):
    rows = [
        ["", "", "", ""],
        ["", "标题", "来电人", "来电人电话"],
        ["热线-260605-000001", "噪声", "张三", "13800001234"],
    ]
    merges = [(0, 0, 1, 0, "工单编号"), (0, 1, 0, 3, "工单信息")]
    path = xlsx(tmp_path / "a.xlsx", {"Sheet1": rows}, merges=merges)
    with read_table(path) as table:
        assert table.header == ("工单编号", "标题", "来电人", "来电人电话")
        assert [row for row, _ in table.rows] == [3]


def test_the_first_sheet_with_a_header_is_read_and_the_other_named(tmp_path):
    sheets = {"说明": [["请勿修改"]], "空": [], "六月": [HEADER, *ROWS], "五月": [HEADER, ROWS[0]]}
    with read_table(xlsx(tmp_path / "a.xlsx", sheets)) as table:
        assert table.sheet == "六月"
        assert len(table.warnings) == 1
        assert "五月" in table.warnings[0]


def test_a_visible_sheet_goes_before_a_hidden_one(tmp_path):
    sheets = {"可见": [HEADER, *ROWS], "藏": [HEADER]}
    with read_table(xlsx(tmp_path / "a.xlsx", sheets, hidden="藏")) as table:
        assert table.sheet == "可见"


def test_rows_are_counted_as_excel_shows_them_with_line_breaks_and_blank_rows(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(text([HEADER, ["热线-260605-000001", "一\n二", "", ""], [], ROWS[1]]), encoding="utf-8", newline="")
    assert [row for row, _ in cells(path)] == [2, 3, 4]


def test_an_unknown_column_set_names_the_headers(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("序号,部门,联系人\r\n1,城管科,张三\r\n", encoding="utf-8")
    message = refused(path)
    assert "读到的列名：序号、部门、联系人" in message
    assert "张三" not in message
    message = refused(
        xlsx(tmp_path / "b.xlsx", {"Sheet1": [["年度统计"], ["序号", "部门", "联系人"], [1, "城管科", "张三"]]})
    )
    assert "读到的列名：序号、部门、联系人" in message


def test_a_locked_workbook_is_named_as_such(tmp_path):
    path = tmp_path / "a.xlsx"
    path.write_bytes(container("EncryptedPackage", b"x" * 5000))
    assert "有密码" in refused(path)
    path.write_bytes(workbook([HEADER], encrypted=True))
    assert "有密码" in refused(path)


def test_a_word_document_is_no_table(tmp_path):
    path = tmp_path / "a.xls"
    path.write_bytes(container("WordDocument", b"x" * 5000))
    assert "不是表格" in refused(path)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.95])
def test_a_truncated_xlsx_is_refused(tmp_path, share):
    path = xlsx(tmp_path / "a.xlsx", {"Sheet1": [HEADER, *ROWS]})
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    assert "不完整" in refused(path)


@pytest.mark.parametrize("share", [0.05, 0.2, 0.4])
def test_a_truncated_xls_is_refused(tmp_path, share):
    path = tmp_path / "a.xls"
    whole = workbook([HEADER, *[[f"热线-260605-{n:06d}", "噪声" * 20, "", ""] for n in range(200)]])
    path.write_bytes(whole[: int(len(whole) * share)])
    assert "不完整" in refused(path)


def test_a_workbook_that_would_take_all_memory_is_one_refused_file(tmp_path):
    path = tmp_path / "a.xls"
    whole = bytearray(workbook([HEADER, *ROWS]))
    at = whole.index(struct.pack("<HHIIHHH", 0x0200, 14, 0, 3, 0, 4, 0))
    whole[at + 4 : at + 18] = struct.pack("<IIHHH", 0, 2**31, 0, 256, 0)  # the sheet's size: the reader allocates it
    path.write_bytes(whole)
    assert "已损坏" in refused(path)


def test_a_zip_bomb_and_other_archives_are_refused(tmp_path):
    path = tmp_path / "a.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "0" * 3_000_000)
    assert "太大" in refused(path, limit=100_000)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("word/document.xml", "")
    assert "这是Word 文档，不是能导入的表格" in refused(path)


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b" \r\n\r\n", bytes(100)])
def test_an_empty_file_is_named_as_such(tmp_path, content):
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    assert "空的" in refused(path)


@pytest.mark.parametrize(
    ("content", "word", "mend"),
    [
        (b"%PDF-1.7 ...", "PDF", "系统导出的原表"),
        (b"\x89PNG\r\n", "图片", "系统导出的原表"),
        (b"MZ\x90\0", "程序", "系统导出的原表"),
        (b"\r\n<HTML><table><tr><td>", "网页", "另存为"),
        (b"\xef\xbb\xbf<?xml version='1.0'?><Workbook>", "XML", "另存为"),
        (b"Rar!\x1a\x07", "压缩包", "系统导出的原表"),
        (bytes(range(256)) * 20 + bytes(2000), "认不出", "系统导出的原表"),
    ],
)
def test_other_kinds_are_named_with_what_to_do(tmp_path, content, word, mend):
    path = tmp_path / "a.xls"
    path.write_bytes(content)
    message = refused(path)
    assert word in message
    assert mend in message


def test_a_missing_file_and_a_folder(tmp_path):
    assert "找不到" in refused(tmp_path / "没有.xlsx")
    assert "文件夹" in refused(tmp_path)


def test_a_large_file_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(text(), encoding="utf-8")
    assert "太大" in refused(path, limit=50)


def test_200_mb_are_too_much_whatever_is_in_them_and_a_byte_less_is_looked_at(tmp_path):
    path = tmp_path / "a.csv"
    path.touch()
    os.truncate(path, 200_000_000)  # a hole: it takes no room
    assert refused(path) == "a.csv：文件太大，只收小于 200 MB 的，没有导入。请分成几个文件导入。"
    os.truncate(path, 199_999_999)
    assert "空的" in refused(path)


def test_an_unreadable_encoding_and_a_cut_character(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xff\x80\x81" + text().encode("gb18030"))
    assert "编码" in refused(path)
    path.write_bytes(text().encode("utf-8-sig") + "热".encode()[:2])
    assert "第 4 行" in refused(path)


def test_a_quotation_mark_that_never_closes_is_found_before_the_first_row(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(text() + '热线-260605-000003,"没有结束\r\n下一行,,\r\n', encoding="utf-8", newline="")
    with pytest.raises(Refusal, match="第 4 行起的引号没有成对"):
        read_table(path)


def test_a_cell_beyond_all_bounds_is_found_before_the_first_row(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(text() + "热线-260605-000003," + "长" * 140_000, encoding="utf-8", newline="")
    with pytest.raises(Refusal, match="第 4 行有一格太长"):
        read_table(path)


def test_nul_and_emoji_in_a_text_table_do_not_make_it_unknown(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(text([HEADER, ["热线-260605-000001", "噪\0声😀", "", ""]]), encoding="utf-8", newline="")
    assert cells(path) == [(2, ["热线-260605-000001", "噪\0声😀", "", ""])]


def test_rows_that_nobody_reads_leave_no_process_behind(tmp_path, monkeypatch):
    started: list[subprocess.Popen] = []
    start = subprocess.Popen

    def remember(*args, **kwargs):
        started.append(start(*args, **kwargs))
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", remember)
    path = xlsx(tmp_path / "a.xlsx", {"Sheet1": [HEADER, *ROWS]})
    table = read_table(path)
    next(table.rows)
    table.close()
    table = read_table(path)
    del table
    gc.collect()
    assert [process.returncode is not None for process in started] == [True, True]
