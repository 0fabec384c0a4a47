"""The child process of `workbooks`: opens one workbook and sends its rows.

Run as a script: `workbook_child.py FILE HEAD_ROWS MEMORY`. Sends one pickle with the heads of all sheets, reads
`SHEET SKIP` from standard input, then sends the sheet's rows in pickled chunks and an empty one at the end. It says
nothing on failure: it ends, and the parent sees a broken pipe. Imports nothing of ours, so that it starts quickly.
"""

import itertools
import pickle
import sys
from collections.abc import Iterator, Sequence

from python_calamine import CalamineSheet, CalamineWorkbook, SheetVisibleEnum

_CHUNK = 500


def main(file: str, head_rows: int, memory: int) -> None:
    """Serve one file, then return."""
    _bound(memory)
    with open(file, "rb") as stream:  # noqa: PTH123 - one import less at start
        # By content, not by name: from_path would trust the ending.
        workbook = CalamineWorkbook.from_filelike(stream)
    out = sys.stdout.buffer
    sheets = []
    heads = []
    for meta in workbook.sheets_metadata:
        sheet = workbook.get_sheet_by_name(meta.name)
        sheets.append(sheet)
        visible = meta.visible == SheetVisibleEnum.Visible
        height = sheet.end[0] + 1 if sheet.end else 0
        heads.append((meta.name, visible, height, list(itertools.islice(_rows(sheet), head_rows))))
    pickle.dump(heads, out, protocol=5)
    out.flush()
    wanted = sys.stdin.readline().split()
    if not wanted:
        return
    index, skip = map(int, wanted)
    rows = itertools.islice(_rows(sheets[index]), skip, None)
    while True:
        chunk = list(itertools.islice(rows, _CHUNK))
        pickle.dump(chunk, out, protocol=5)
        if not chunk:
            break
    out.flush()


def _rows(sheet: CalamineSheet) -> Iterator[Sequence[object]]:
    return iter(sheet.iter_rows())


def _bound(memory: int) -> None:
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
