"""A run folder that a run cannot write is refused before anything is computed."""

import pytest
from sharvin.errors import InputError
from sharvin.runs.run import FILES, FOLDERS, claimed


@pytest.mark.parametrize("name", [*FILES, "summary.txt"])
def test_a_folder_in_the_place_of_a_file_of_a_run_is_refused(tmp_path, name):
    (tmp_path / name).mkdir(parents=True)
    with (
        pytest.raises(InputError, match=r"is a folder, and a run keeps a file there: move it away"),
        claimed(tmp_path, ["summary.txt"]),
    ):
        pass


@pytest.mark.parametrize("name", FOLDERS)
def test_a_file_in_the_place_of_a_folder_of_a_run_is_refused(tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(InputError, match=r"is a file, and a run keeps a folder there: move it away"), claimed(tmp_path):
        pass
