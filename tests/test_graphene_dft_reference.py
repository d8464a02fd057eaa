"""The reference set of graphene in examples/graphene_dft_reference is consistent: structures, blocks, symmetries, properties."""

import json
import runpy
import sys
from functools import cache

import numpy as np
import pytest
from ase.io import read
from scipy.linalg import eigh
from sharvin.config import load_config
from sharvin.crystals.block_files import read_blocks
from sharvin.registry import create
from small_study import ROOT

FOLDER = ROOT / "examples" / "graphene_dft_reference"
FILE = FOLDER / "graphene_pbe.h5"


@cache
def blocks():
    return {one.atoms.info["name"]: one for one in read_blocks(FILE)}


def script(name, monkeypatch):
    """What a script of the folder defines."""
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.delitem(sys.modules, "structures", raising=False)
    return runpy.run_path(str(FOLDER / f"{name}.py"))


def energies(one, k):
    H, S = one.sparse_bloch().at(np.asarray(k, dtype=float))
    return eigh(H.toarray(), S.toarray(), eigvals_only=True)


def test_the_set_holds_the_structures_of_its_script(monkeypatch):
    jobs = {job.name: job for job in script("structures", monkeypatch)["all_jobs"]()}
    frames = {atoms.info["name"]: atoms for atoms in read(FOLDER / "graphene_pbe.extxyz", ":")}
    assert blocks().keys() == frames.keys() == jobs.keys()
    for name, one in blocks().items():
        for atoms in (jobs[name].atoms, frames[name]):
            assert np.allclose(one.atoms.positions, atoms.positions, rtol=0, atol=1e-7)
            assert np.allclose(one.atoms.cell.array, atoms.cell.array, rtol=0, atol=1e-7)
            assert np.array_equal(one.atoms.pbc, atoms.pbc)
            assert np.array_equal(one.atoms.arrays["layer"], atoms.arrays["layer"])
            assert one.atoms.info["group"] == atoms.info["group"]
        assert one.basis.shells == {6: (0, 1, 2)} and one.electrons == 4.0 * len(one.atoms)


def test_every_s_is_positive_and_energies_are_those_of_carbon():
    for name, one in blocks().items():
        for k in ([0, 0, 0], [0.31, 0.17, 0]):
            _, S = one.sparse_bloch().at(k)
            assert np.linalg.eigvalsh(S.toarray()).min() > 1e-4, name
            levels = energies(one, k)
            assert -30.0 < levels[0] < -15.0, name  # the bottom of the σ bands
            valence = int(one.electrons) // 2
            assert -13.0 < levels[valence - 1] < levels[valence] < 3.0, name


def test_a_mirror_plane_parts_pi_from_sigma():
    """In an ideal layer p_z, yz and zx do not couple to the others."""
    one = blocks()["layer_a2.46"]
    odd = np.array([2, 5, 7])
    even = np.setdiff1d(np.arange(9), odd)
    for matrix in (one.H, one.S):
        assert np.abs(matrix[:, odd][:, :, even]).max() < 1e-3 * np.abs(matrix).max()


def test_properties_are_those_of_the_blocks(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["properties.py", "graphene_pbe"])
    script("properties", monkeypatch)["main"]()
    found, written = json.loads(capsys.readouterr().out), json.loads((FOLDER / "properties.json").read_text())
    assert found == pytest.approx(written)
    assert 7.5e5 < found["layer_a2.46_velocity_m_per_s"] < 9e5  # PBE: about 8.3e5
    assert found["layer_a2.46_gap_at_K_meV"] < 1.0
    assert found["layer_a2.42_velocity_m_per_s"] > found["layer_a2.50_velocity_m_per_s"]
    # γ₁ joins the two atoms of a bilayer that are on top of each other; the others of AB stay where they are
    assert 0.5 < found["bilayer_AB_outer_splitting_at_K_eV"] < 1.0
    assert abs(found["bilayer_AB_inner_splitting_at_K_eV"]) < 0.03


def test_a_study_finds_the_blocks_of_the_structures_in_the_file():
    stored = create("hamiltonians", "stored_blocks", file=str(FILE))
    structures = create("structures", "set_from_file", path=str(FOLDER / "graphene_pbe.extxyz"))
    for atoms in structures.build_all(np.random.default_rng(0)):
        found = stored.blocks(atoms)
        assert np.array_equal(found.H, blocks()[atoms.info["name"]].H)


def test_the_config_of_the_readme_is_valid(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    config = text.partition("```yaml\n")[2].partition("```")[0]
    (tmp_path / "learn.yaml").write_text(config, encoding="utf-8")
    assert load_config(tmp_path / "learn.yaml").selections["hamiltonian"].name == "hedge_electron"
