"""A file that is no config is refused in one sentence that says what to do; what YAML leaves open is read as one means it."""

import pytest
from sharvin.config.document import read_document
from sharvin.errors import InputError


@pytest.fixture
def read(tmp_path):
    def write(content):
        path = tmp_path / "study.yaml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_document(path)

    return write


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "study.yaml:1: the config is empty"),
        ("# nothing yet\n", "study.yaml:1: the config is empty"),
        ("- workflow\n", "a config is a mapping of names to values"),
        ("break_junction", "a config is a mapping of names to values"),
        ("a: 1\nb: {c: 1, c: 2}\n", "study.yaml:2: c is given twice"),
        ("a:\n\tb: 1\n", "study.yaml:2: not valid YAML: a tab at the beginning of a line; indent with spaces"),
        ("a: 1\nb:\t2\n", "study.yaml:2: not valid YAML: a tab within a line; write spaces in its place"),
        ("a: 1 # x\n\n# y\nb: 2\t# z\n", "study.yaml:4: not valid YAML: a tab within a line"),
        ("a: 1\nseed:1\nb: 2\n", "study.yaml:2: not valid YAML: there is no space after the colon; write seed: 1."),
        ("seed:1\n\n# more\nb: 2\n", "study.yaml:1: not valid YAML: there is no space after the colon; write seed: 1."),
        ("a:\n  b: 1\n  c:x\n  d: 2\n", "study.yaml:3: not valid YAML: there is no space after the colon; write c: x."),
        ("a: 1\nwords\nb: 2\n", "study.yaml:2: not valid YAML: 'words' is no name with a value"),
        ("a: 1\nb: x: y\n", "study.yaml:2: not valid YAML: a colon where none can be"),
        ("a: 1\nb: 'x\nc: 2\n", "study.yaml:2: not valid YAML: a quotation mark that begins on this line is not closed"),
        ("a:\n  b: 1\n c: 2\n", "study.yaml:3: not valid YAML: this line is indented otherwise"),
        (
            "a: 1\nb: @x\n",
            "study.yaml:2: not valid YAML: found character '@' that cannot start any token; put the text in quotes",
        ),
        (
            "a: {b: 1\nc: 2\n",
            "study.yaml:2: not valid YAML: expected ',' or '}', but got ':'; is the bracket { of line 1 closed?",
        ),
        ("a: 1\n---\nb: 2\n", "a single YAML document"),
        ("a: *nowhere\n", "study.yaml:1: not valid YAML"),
        ("b: 1\na: !!python/name:os.system x\n", "study.yaml:2: a: tags of YAML"),
        ("a: 1\nb: x # \x07\n", "study.yaml:2: not valid YAML: the control character U+0007"),
        ("a: 1\r\n\r\nb: \x00\r\n", "study.yaml:3: not valid YAML: a NUL character"),
        ("a: é\n".encode("latin-1"), "not a text file in UTF-8"),
        ("profiles: [small]\na: 1", "study.yaml:1: profiles: needs a mapping"),
        ("a: 1\nprofiles:\n  small: 3\n", "study.yaml:3: profiles.small: needs a mapping"),
    ],
)
def test_what_is_no_config_is_refused_in_a_sentence(read, content, words):
    with pytest.raises(InputError) as caught:
        read(content)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_a_folder_and_a_missing_file_are_no_config(tmp_path):
    with pytest.raises(InputError, match="is a folder, not a config"):
        read_document(tmp_path)
    with pytest.raises(InputError, match="there is no config"):
        read_document(tmp_path / "study.yaml")


def test_values_are_read_as_they_are_meant(read):
    """Nitrogen, yttrium and nobelium are no truth values, as in YAML 1.2; numbers need no decimal point; an alias is a copy."""
    found = read(
        b"\xef\xbb\xbfspecies: [N, Y, No]\nrate: 1e-3\non: &x true\noff: *x\nbase: &b {a: 1}\nmine: {<<: *b, c: 2}\n"
    ).values
    assert found["species"] == ["N", "Y", "No"]
    assert found["rate"] == 1e-3 and found["on"] is True and found["off"] is True
    assert found["mine"] == {"a": 1, "c": 2} and type(found["mine"]) is dict


def test_every_value_knows_its_place(read):
    document = read("a:\n  b: 1\n  c:\n    - 2\n    - {d: 3}\nprofiles:\n  p:\n    a: {b: 4}\n    e: 5\n")
    assert document.place(("a", "c", 1, "d")).endswith("study.yaml:5")
    assert document.place(("a", "absent")).endswith("study.yaml:1")
    laid = document.with_profile("p")
    assert laid.values == {"a": {"b": 4, "c": [2, {"d": 3}]}, "e": 5}
    assert laid.place(("a", "b")).endswith("study.yaml:8 (profile p)") and laid.place(("a", "c")).endswith("study.yaml:3")
    final = laid.with_setting("a.b=6", 2).with_setting("f.g=7", 3)
    assert final.values["a"]["b"] == 6 and final.values["f"] == {"g": 7}
    assert final.place(("a", "b")) == "--set a.b=6" and final.place(("f",)) == "--set f.g=7"
    assert final.place(("a",), "b and c exclude each other") == "--set a.b=6"
    assert document.values["a"]["b"] == 1, "what is laid over a document leaves it as it is"


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("a", "needs the form a.b=value"),
        ("=1", "needs the form"),
        ("a.b=[1", "not valid YAML"),
        ("a.b=\x01", "not valid YAML: the control character U+0001"),
        ("a.b.c=1", "a.b is not a mapping"),
    ],
)
def test_a_setting_has_a_name_and_a_value(read, setting, words):
    with pytest.raises(InputError, match="--set") as caught:
        read("a: {b: 1}").with_setting(setting, 2)
    assert words in str(caught.value)
