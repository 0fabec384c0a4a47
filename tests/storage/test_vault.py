"""The vault: what is sealed opens only with the right key, for the right order, unchanged."""

import base64
import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.vault import Personal, Vault, VaultError, canonical_phone, key_warnings, load_key

KEY = bytes(range(32))
VAULT = Vault(KEY)
CALLER = Personal(name="张三", phone="13800001234", title="路灯不亮", content="家住3号楼", extra={"企业名称": "某公司"})

any_text = st.text(st.characters(), max_size=60)  # st.characters() without a codec includes lone surrogates


@given(
    order=st.integers(1, 2**62),
    personal=st.builds(
        Personal,
        name=any_text,
        phone=any_text,
        title=any_text,
        content=any_text,
        extra=st.dictionaries(any_text, any_text, max_size=3),
    ),
)
def test_what_is_sealed_opens_unchanged(order, personal):
    sealed = VAULT.seal(order, personal)
    assert VAULT.open(order, sealed.wrapped_key, sealed.sealed) == personal


def test_the_stored_values_hold_no_plain_text_and_differ_every_time():
    first, second = VAULT.seal(1, CALLER), VAULT.seal(1, CALLER)
    assert first.wrapped_key != second.wrapped_key
    assert first.sealed != second.sealed
    for value in (first.wrapped_key, first.sealed):
        for secret in ("张三", "13800001234", "路灯", "3号楼", "某公司"):
            assert secret.encode() not in value


def test_another_order_cannot_open_the_row():
    sealed = VAULT.seal(1, CALLER)
    with pytest.raises(VaultError, match="工单 2"):
        VAULT.open(2, sealed.wrapped_key, sealed.sealed)


def test_another_office_key_cannot_open_the_row():
    sealed = VAULT.seal(1, CALLER)
    other = Vault(bytes(32))
    with pytest.raises(VaultError, match="密钥"):
        other.open(1, sealed.wrapped_key, sealed.sealed)
    assert other.fingerprint != VAULT.fingerprint
    assert other.phone_index(CALLER.phone) != VAULT.phone_index(CALLER.phone)
    assert other.digest({"a": "b"}) != VAULT.digest({"a": "b"})


def test_parts_of_two_rows_do_not_fit_together():
    first, second = VAULT.seal(1, CALLER), VAULT.seal(1, CALLER)
    with pytest.raises(VaultError, match="改动"):
        VAULT.open(1, first.wrapped_key, second.sealed)


@given(data=st.data())
def test_any_changed_or_cut_byte_is_noticed(data):
    sealed = VAULT.seal(7, CALLER)
    values = {"wrapped_key": sealed.wrapped_key, "sealed": sealed.sealed}
    which = data.draw(st.sampled_from(sorted(values)))
    raw = bytearray(values[which])
    position = data.draw(st.integers(0, len(raw) - 1))
    if data.draw(st.booleans()):
        raw[position] ^= data.draw(st.integers(1, 255))
    else:
        del raw[position:]
    values[which] = bytes(raw)
    with pytest.raises(VaultError):
        VAULT.open(7, **values)


def test_a_new_office_key_rewraps_without_touching_the_text():
    new = Vault(bytes(32))
    sealed = VAULT.seal(5, CALLER)
    rewrapped = VAULT.rewrap(5, sealed.wrapped_key, new)
    assert new.open(5, rewrapped, sealed.sealed) == CALLER
    with pytest.raises(VaultError):
        VAULT.open(5, rewrapped, sealed.sealed)
    with pytest.raises(VaultError, match="旧办公室密钥"):
        new.rewrap(5, sealed.wrapped_key, VAULT)


def test_neither_the_key_nor_the_data_shows_in_a_repr():
    assert "张三" not in repr(CALLER)
    assert "1380000" not in repr(CALLER)
    assert KEY.hex() not in repr(VAULT)
    assert VAULT.fingerprint not in KEY.hex()


def test_a_key_of_the_wrong_length_is_refused():
    with pytest.raises(VaultError, match="32 字节"):
        Vault(b"short")


# The blind index


@pytest.mark.parametrize(
    "written",
    [
        "13800001234",
        " 138 0000 1234 ",
        "138-0000-1234",
        "138.0000.1234",
        "+8613800001234",
        "+86 138-0000-1234",
        "008613800001234",
        "8613800001234",
        "013800001234",
        "１３８００００１２３４",
        "（138）00001234",
        "138\u200b0000\u200b1234",
        "13800001234（本人）",
        "手机：13800001234",
        "13800001234/13800005678",
        "张三，13800001234",
    ],
)
def test_one_mobile_number_has_one_index_however_it_is_written(written):
    assert VAULT.phone_index(written) == VAULT.phone_index("13800001234") is not None


@pytest.mark.parametrize(
    "written", ["010-88880000", "(010)88880000", "01088880000", "+86 10 8888 0000", "０１０－８８８８００００"]
)
def test_one_landline_has_one_index(written):
    assert canonical_phone(written) == "01088880000"


@pytest.mark.parametrize(
    ("written", "number"),
    [("0311-8888000", "03118888000"), ("010-88880000转801", "01088880000-801"), ("021-88880000", "02188880000")],
)
def test_landlines_of_other_places_and_extensions(written, number):
    assert canonical_phone(written) == number


@pytest.mark.parametrize(
    "written",
    [
        "",
        "保密",
        "136××××",
        "138****1234",
        "138xxxx1234",
        "1380000123",
        "138000012345",
        "88880000",
        "12345",
        "010-8888000",
        "10 8888 0000",
        "wx_abc",
        "\x00",
        "\ud800",
        "23800001234",
    ],
)
def test_masked_and_incomplete_numbers_have_no_index(written):
    assert VAULT.phone_index(written) is None


def test_the_index_does_not_show_the_number():
    index = VAULT.phone_index("13800001234")
    assert len(index) == 64
    assert "1380000" not in index


# The digest of a row


def test_the_digest_ignores_the_order_of_columns_and_sees_every_change():
    row = {"标题": "路灯", "主要内容": "不亮"}
    assert VAULT.digest(row) == VAULT.digest(dict(reversed(row.items())))
    assert VAULT.digest(row) != VAULT.digest({**row, "主要内容": "亮"})
    assert VAULT.digest({"ab": "c"}) != VAULT.digest({"a": "bc"})
    assert VAULT.digest({"标题": "\ud83d"})


# The office key


def load(folder, *, key=None, store_is_empty=True):
    return load_key(key=key, key_file=folder / "keys" / "office.key", store_is_empty=store_is_empty)


def test_an_empty_store_gets_a_key_file_that_only_its_owner_reads(tmp_path):
    key = load(tmp_path)
    file = tmp_path / "keys" / "office.key"
    assert len(key) == 32
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["office.key"]
    assert load(tmp_path, store_is_empty=False) == key
    assert load(tmp_path) == key
    assert key_warnings(file) == ()


def test_the_mode_does_not_depend_on_the_umask(tmp_path):
    before = os.umask(0)
    try:
        load(tmp_path)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "keys" / "office.key").stat().st_mode) == 0o600


def test_a_store_with_data_never_gets_a_new_key(tmp_path):
    with pytest.raises(VaultError, match="找不到办公室密钥"):
        load(tmp_path, store_is_empty=False)
    assert not (tmp_path / "keys").exists()


@pytest.mark.parametrize(
    "written",
    [
        KEY.hex(),
        KEY.hex().upper(),
        base64.b64encode(KEY).decode(),
        base64.urlsafe_b64encode(KEY).decode().rstrip("="),
        f"  {KEY.hex()}\n",
    ],
)
def test_the_setting_takes_hexadecimal_and_base64_and_wins_over_the_file(tmp_path, written):
    assert load(tmp_path, key=written, store_is_empty=False) == KEY
    assert not (tmp_path / "keys").exists()


@pytest.mark.parametrize("written", ["abc", "不是钥匙", KEY.hex()[:-2], base64.b64encode(KEY[:31]).decode(), "=" * 44])
def test_a_malformed_key_is_a_clear_error_that_does_not_repeat_the_key(tmp_path, written):
    with pytest.raises(VaultError, match="JIESU_VAULT__KEY") as raised:
        load(tmp_path, key=written)
    assert written not in str(raised.value)


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe\x00", b"not a key"])
def test_a_malformed_key_file_is_never_overwritten(tmp_path, content):
    file = tmp_path / "keys" / "office.key"
    file.parent.mkdir()
    file.write_bytes(content)
    with pytest.raises(VaultError, match="密钥文件"):
        load(tmp_path)
    assert file.read_bytes() == content


def test_a_folder_in_place_of_the_file_is_a_clear_error(tmp_path):
    (tmp_path / "keys" / "office.key").mkdir(parents=True)
    with pytest.raises(VaultError, match="读不了"):
        load(tmp_path)


def test_a_file_in_place_of_the_folder_is_a_clear_error(tmp_path):
    (tmp_path / "keys").write_text("")
    with pytest.raises(VaultError, match="密钥"):
        load(tmp_path)


def test_a_key_file_others_can_read_still_loads_with_a_warning(tmp_path):
    load(tmp_path)
    file = tmp_path / "keys" / "office.key"
    file.chmod(0o644)
    assert len(load(tmp_path)) == 32
    (warning,) = key_warnings(file)
    assert "0644" in warning
    assert "chmod 600" in warning
    assert key_warnings(tmp_path / "none") == ()


def test_processes_that_start_at_once_agree_on_one_key(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: load(tmp_path), range(16)))
    assert len(keys) == 1


def test_the_sealed_form_is_versioned():
    sealed = VAULT.seal(1, CALLER)
    assert sealed.wrapped_key[0] == sealed.sealed[0] == 1
    with pytest.raises(VaultError):
        VAULT.open(1, b"\x02" + sealed.wrapped_key[1:], sealed.sealed)


def test_extra_columns_keep_their_names():
    sealed = VAULT.seal(1, CALLER)
    assert json.dumps(VAULT.open(1, sealed.wrapped_key, sealed.sealed).extra) == json.dumps({"企业名称": "某公司"})
